// A client of the gateway: the protos are read when it starts, so nothing is generated.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import grpc from '@grpc/grpc-js'
import loader from '@grpc/proto-loader'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const options = {
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
  defaults: true,
  includeDirs: [here('../../protos'), here('.')],
}
const protos = grpc.loadPackageDefinition(
  loader.loadSync(['orchestrator/v1/gateway_service.proto', 'details.proto'], options),
)
const details = loader.loadSync('details.proto', options)
const { GatewayService } = protos.orchestrator.v1

// The same table as the Python SDK's: orchestrator/client/channel.py.
const channelOptions = {
  'grpc.service_config': JSON.stringify({
    methodConfig: [{
      name: [{ service: 'orchestrator.v1.GatewayService' }],
      retryPolicy: {
        maxAttempts: 3,
        initialBackoff: '0.05s',
        maxBackoff: '0.5s',
        backoffMultiplier: 3,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    }],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.5 },
  }),
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.client_idle_timeout_ms': 240_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
}
const resumes = 8

/**
 * What went wrong, with the gateway's reason, its remedy, how many seconds to wait where it says so, and whether the
 * answer can be taken up under its id.
 */
export class GatewayError extends Error {
  constructor(error) {
    super(error.details || error.message)
    this.code = grpc.status[error.code] ?? 'TRUNCATED'
    this.reason = ''
    this.remedy = ''
    this.retryAfterS = null
    // What gRPC itself or a proxy says, without our details, is said of a connection.
    this.resumable = ['UNAVAILABLE', 'CANCELLED', 'TRUNCATED'].includes(this.code)
    const packed = error.metadata?.get('grpc-status-details-bin')[0]
    if (!packed) return
    for (const detail of read('Status', packed).details) {
      if (detail.type_url.endsWith('/google.rpc.ErrorInfo')) {
        const info = read('ErrorInfo', detail.value)
        this.reason = info.reason
        this.remedy = info.metadata.remedy ?? ''
        this.resumable = info.metadata.resumable === 'true'
      } else if (detail.type_url.endsWith('/google.rpc.RetryInfo')) {
        const { seconds, nanos } = read('RetryInfo', detail.value).retry_delay
        this.retryAfterS = seconds + nanos / 1e9
      }
    }
  }
}

const read = (message, bytes) => details[`google.rpc.${message}`].deserialize(bytes)

export class Gateway {
  #client
  #metadata = new grpc.Metadata()

  /** `tls` false sends the key in clear text: for this machine alone. */
  constructor(target, { apiKey, tls = true, caFile } = {}) {
    const credentials = tls
      ? grpc.credentials.createSsl(caFile ? readFileSync(caFile) : null)
      : grpc.credentials.createInsecure()
    this.#client = new GatewayService(target, credentials, channelOptions)
    if (apiKey) this.#metadata.set('authorization', `Bearer ${apiKey}`)
  }

  /**
   * The events of one answer: `{started}`, any number of `{text_delta}`, `{finished}`. A connection that is lost is taken
   * up behind the last character. Leaving the loop early ends the answer, down to the model.
   */
  async *stream(chat, { timeoutMs = 120_000, requestId = randomUUID() } = {}) {
    const deadline = Date.now() + timeoutMs
    let cursor = 0
    let begun = false
    let tries = 0
    let over = false
    let loss = null
    try {
      while (true) {
        const call = this.#client.StreamGenerate(
          { request_id: requestId, chat, resume_from: cursor }, this.#metadata, { deadline },
        )
        try {
          for await (const event of call) {
            if (event.event === 'started' && begun) continue
            begun = true
            tries = 0
            loss = null
            cursor = event.cursor
            over = event.event === 'finished'
            yield event
          }
          if (over) return
          throw new GatewayError({ message: 'the stream ended without its receipt' })
        } catch (error) {
          over = true
          const failure = error instanceof GatewayError ? error : new GatewayError(error)
          if (loss && ['NOT_FOUND', 'INVALID_ARGUMENT'].includes(failure.code)) throw loss
          loss ??= failure
          const waitMs = Math.max(
            Math.min(100 * 2 ** tries, 5_000) * (0.5 + Math.random() / 2), 1000 * (failure.retryAfterS ?? 0),
          )
          if (!begun || !failure.resumable || tries === resumes || Date.now() + waitMs >= deadline) throw loss
          over = false
          tries += 1
          await sleep(waitMs)
        } finally {
          call.cancel()
        }
      }
    } finally {
      if (!over) this.#cancel(requestId)
    }
  }

  /** Said in passing: nobody waits for it, and nothing depends on it. */
  #cancel(requestId) {
    const deadline = Date.now() + 1_000
    this.#client.CancelGenerate({ request_id: requestId }, this.#metadata, { deadline }, () => {})
  }

  /** The models that can be asked. */
  models() {
    return new Promise((resolve, reject) => {
      this.#client.ListModels({}, this.#metadata, { deadline: Date.now() + 10_000 }, (error, reply) =>
        error ? reject(new GatewayError(error)) : resolve(reply.models))
    })
  }

  close() {
    this.#client.close()
  }
}
