// SignalWire's client for Node.js: a voicemail. It plays a greeting, records until #, and reports the recording.
// The program reports each step as a line of JSON.

import { SignalWire } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

await client.voice.listen({
  topics: ['voicemail'],
  onCallReceived: async (call) => {
    await call.answer()
    await call.playTTS({ text: 'Leave a message.' }).onEnded()
    const options = { beep: true, format: 'wav', direction: 'speak', terminators: '#', endSilenceTimeout: 10 }
    const recording = await call.recordAudio(options).onStarted()
    report('recording')
    const { state, url, duration, size } = await recording.ended()
    report('recorded', { state, url, duration, size })
    await call.hangup()
  },
})
