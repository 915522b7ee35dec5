// SignalWire's client for Node.js: dials a phone that is busy and one that answers, speaks, and hangs up.
// The program reports each step as a line of JSON.

import { SignalWire, Voice } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

const device = (to) => Voice.DeviceBuilder.Sip({ to, from: 'sip:dialler@example.com', timeout: 20 })

try {
  await client.voice.dial(new Voice.DeviceBuilder().add(device('sip:busy@example.com')))
} catch {
  report('not answered')
}

// One device alone: this client misses the events of a dial after the first leg that ends.
const call = await client.voice.dial(new Voice.DeviceBuilder().add(device('sip:bob@example.com')))
report('answered', { direction: call.direction })
const playing = await call.playTTS({ text: 'Your table is ready.' })
await playing.ended()
report('played')
await call.hangup()
report('ended', { state: call.state })
