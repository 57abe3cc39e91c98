// node ask.mjs TARGET MODEL QUESTION   (the key in GATEWAY_KEY; clear text: for a gateway on this machine)
import { Gateway } from './gateway.mjs'

const [target, model, question] = process.argv.slice(2)
const gateway = new Gateway(target, { apiKey: process.env.GATEWAY_KEY, tls: false })
try {
  const chat = { model, messages: [{ role: 'ROLE_USER', text: question }], sampling: { max_tokens: 256 } }
  for await (const event of gateway.stream(chat)) {
    if (event.event === 'text_delta') process.stdout.write(event.text_delta.text)
    if (event.event === 'finished') {
      const { usage, cost_nano_usd: nano } = event.finished
      process.stdout.write(`\n${usage.completion_tokens} tokens, ${nano / 1e9} USD\n`)
    }
  }
} catch (error) {
  console.error(`${error.code} ${error.reason}: ${error.message}. ${error.remedy} (wait ${error.retryAfterS ?? 0} s)`)
  process.exitCode = 1
} finally {
  gateway.close()
}
