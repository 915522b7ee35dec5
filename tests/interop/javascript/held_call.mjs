// SignalWire's client for Node.js: answers calls, holds each until a line on standard input, then plays and hangs up.
// The program reports each step as a line of JSON.

import { createInterface } from 'node:readline'
import { SignalWire } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const waiting = []
createInterface({ input: process.stdin })
  .on('line', () => waiting.splice(0).forEach((resolve) => resolve()))
  .on('close', () => process.exit(0))
const nextLine = () => new Promise((resolve) => waiting.push(resolve))

const client = await SignalWire({
  host: process.env.RELAY_HOST,
  project: 'p',
  token: process.env.RELAY_TOKEN,
  listen: {
    onConnected: () => report('connected'),
    onReconnecting: () => report('reconnecting'),
    onDisconnected: () => report('disconnected'),
    onAuthError: (error) => report('refused', { error }),
  },
})

await client.voice.listen({
  topics: ['held'],
  onCallReceived: async (call) => {
    await call.answer()
    report('answered')
    await nextLine()
    const playing = await call.playSilence({ duration: 0.5 })
    await playing.ended()
    report('played')
    await call.hangup()
    report('hung up')
  },
})
report('listening')
