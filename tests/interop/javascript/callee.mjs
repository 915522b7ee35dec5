// SignalWire's client for Node.js: answers a call of a context, sends three digits after a line on standard input.
// The program reports each step as a line of JSON.

import { createInterface } from 'node:readline'
import { SignalWire } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const lines = createInterface({ input: process.stdin })
const nextLine = new Promise((resolve) => lines.once('line', resolve))

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

await client.voice.listen({
  topics: ['office'],
  onCallReceived: async (call) => {
    report('called', { sender: call.from, number: call.to })
    await call.answer()
    await nextLine
    await call.sendDigits('123')
    report('sent')
    await call.waitFor('ended')
    report('ended')
  },
})
