"""The sections of the gateway's configuration file, one noun a module; `cloud_gateway.config` puts them together."""
