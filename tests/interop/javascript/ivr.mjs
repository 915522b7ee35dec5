// SignalWire's client for Node.js: a menu. One digit is asked for; 1 connects the caller to a person, any other hangs up.
// The program reports each step as a line of JSON.

import { SignalWire, Voice } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

await client.voice.listen({
  topics: ['ivr'],
  onCallReceived: async (call) => {
    await call.answer()
    const options = { text: 'Press 1 for sales.', digits: { max: 1, digitTimeout: 5 }, initialTimeout: 2 }
    const prompt = await call.promptTTS(options).onStarted()
    const { type, digits = '' } = await prompt.ended()
    report('collected', { type, digits })
    if (digits !== '1') {
      await call.hangup()
      return
    }
    await call.playTTS({ text: 'Connecting you.' }).onEnded()
    report('connect', { state: 'connecting' })
    const ringback = new Voice.Playlist().add(Voice.Playlist.Ringtone({ name: 'us' }))
    await call.connectPhone({ to: '+15550000009', from: '+15550000001', timeout: 20, ringback })
    report('connect', { state: 'connected' })
    await call.disconnected()
    report('connect', { state: 'disconnected' })
    await call.hangup()
    report('ended')
  },
})
