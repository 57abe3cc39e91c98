"""The small language model on the device: ONNX Runtime, KV cache, sampling, tokenizer, chat template, catalog."""
