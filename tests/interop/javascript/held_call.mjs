// SignalWire's client for Node.js: takes calls, holds each until a line comes on standard input, then plays and hangs up.
// It says what happens, a JSON object a line.

import { createInterface } from 'node:readline'
import { SignalWire } from '@signalwire/realtime-api'

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const waiting = []
createInterface({ input: process.stdin })
  .on('line', () => waiting.splice(0).forEach((goOn) => goOn()))
  .on('close', () => process.exit(0))
const toldToGoOn = () => new Promise((resolve) => waiting.push(resolve))

const client = await SignalWire({
  host: process.env.RELAY_HOST,
  project: 'p',
  token: process.env.RELAY_TOKEN,
  listen: {
    onConnected: () => say('connected'),
    onReconnecting: () => say('reconnecting'),
    onDisconnected: () => say('disconnected'),
    onAuthError: (error) => say('refused', { error }),
  },
})

await client.voice.listen({
  topics: ['held'],
  onCallReceived: async (call) => {
    await call.answer()
    say('answered')
    await toldToGoOn()
    const playing = await call.playSilence({ duration: 0.5 })
    await playing.ended()
    say('played')
    await call.hangup()
    say('hung up')
  },
})
say('listening')
