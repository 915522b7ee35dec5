// Programs for SignalWire's client for Node.js, of every kind that the pages of its RELAY documentation show.
//
// Each program handles the calls of the topic that has its name, and returns what it saw. One process runs all of them, and
// prints the result of each call as a line of JSON.

import { SignalWire, Voice } from '@signalwire/realtime-api'

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

const PERSON = 'sip:person@example.com'
const BUSY = 'sip:busy@example.com'
const TUNE = 'https://example.com/tune.wav'
const sip = (to) => Voice.DeviceBuilder.Sip({ to, from: 'sip:shop@example.com', timeout: 10 })

const programs = {
  // --- playing

  async plays(call) {
    const list = new Voice.Playlist({ volume: -3 })
      .add(Voice.Playlist.TTS({ text: 'Welcome.', language: 'en-US', gender: 'male' }))
      .add(Voice.Playlist.Audio({ url: TUNE }))
      .add(Voice.Playlist.Silence({ duration: 1 }))
    return [
      (await call.play({ playlist: list }).onEnded()).state,
      (await call.playAudio({ url: TUNE }).onEnded()).state,
      (await call.playSilence({ duration: 1 }).onEnded()).state,
      (await call.playRingtone({ name: 'us', duration: 2 }).onEnded()).state,
    ]
  },

  async plays_and_pauses(call) {
    const playback = await call.playRingtone({ name: 'us', duration: 500 }).onStarted()
    await playback.pause()
    await playback.resume()
    await playback.setVolume(5)
    await playback.stop()
    return (await playback.ended()).state
  },

  async plays_in_the_background(call) {
    return new Promise((resolve) => {
      call.playTTS({ text: 'Thanks.', listen: { onEnded: (playback) => resolve(playback.state) } })
    })
  },

  // --- collecting

  async prompts_for_digits(call) {
    const digits = { max: 4, terminators: '#' }
    const prompt = await call.promptTTS({ text: 'Your number?', digits, initialTimeout: 60 }).onEnded()
    return [prompt.type, prompt.digits, prompt.terminator]
  },

  async prompts_for_speech(call) {
    const speech = { language: 'en-US', hints: ['sales'] }
    const prompt = await call.promptAudio({ url: TUNE, speech, initialTimeout: 60 }).onEnded()
    return [prompt.type, prompt.speech]
  },

  async collects_nothing(call) {
    const options = { digits: { max: 1 }, initialTimeout: 1, startInputTimers: true }
    const collect = await call.collect(options).onStarted()
    return (await collect.ended()).type
  },

  // --- recording, detecting

  async records(call) {
    const recording = await call.recordAudio({ beep: true, direction: 'speak', initialTimeout: 0 }).onStarted()
    await recording.pause()
    await recording.resume()
    await recording.stop()
    const { state, url } = await recording.ended()
    return [state, url.endsWith('.wav')]
  },

  async detects_a_machine(call) {
    const detecting = call.amd({ initialTimeout: 20, timeout: 30 })
    await call.playTTS({ text: 'Hello?' })
    return (await detecting.onEnded()).result
  },

  async detects_a_digit(call) {
    const detecting = call.detectDigit({ digits: '123', timeout: 30 })
    await call.playTTS({ text: 'Press a digit.' })
    return (await detecting.onEnded()).result
  },

  // --- connecting

  // One program alone connects calls: this client takes the events of any connection for those of each.
  async connects(call) {
    const failed = await call.connectSip({ to: BUSY, from: 'sip:shop@example.com', timeout: 10 }).catch(() => 'failed')
    const devices = new Voice.DeviceBuilder().add(sip(PERSON))
    const ringback = new Voice.Playlist().add(Voice.Playlist.Ringtone({ name: 'us' }))
    const peer = await call.connect({ devices, ringback })
    const states = [call.connectState, peer.connectState]
    await call.disconnect()
    return [failed, ...states]
  },

  // --- everything else on a call

  async sends_digits(call) {
    await call.sendDigits('1w2')
    return call.state
  },

  async taps(call) {
    const device = { type: 'rtp', addr: '127.0.0.1', port: 4000 }
    const tap = await call.tapAudio({ direction: 'both', device }).onStarted()
    await tap.stop()
    return (await tap.ended()).state
  },

  // --- calls and messages of the client's own

  async dials_another_phone() {
    const other = await client.voice.dialSip({ to: PERSON, from: 'sip:shop@example.com' })
    await other.hangup('busy')
    return [other.direction, other.state]
  },

  async sends_a_message() {
    const message = { context: 'text', to: '+15550000009', from: '+15550000001', body: 'Hello' }
    return typeof (await client.messaging.send(message)).messageId
  },
}

await client.voice.listen({
  topics: Object.keys(programs),
  onCallReceived: async (call) => {
    const event = call.to.replace('sip:', '').split('@')[0]
    let result
    try {
      await call.answer()
      result = await programs[event](call)
    } catch (error) {
      result = `${error} ${JSON.stringify(error)}`
    }
    console.log(JSON.stringify({ event, result }))
    await call.hangup().catch(() => {})
  },
})
