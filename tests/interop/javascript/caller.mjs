// SignalWire's client for Node.js: calls a number, collects three digits, and hangs up.
// The program reports each step as a line of JSON.

import { SignalWire } from '@signalwire/realtime-api'

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const client = await SignalWire({ host: process.env.RELAY_HOST, project: 'p', token: process.env.RELAY_TOKEN })

const call = await client.voice.dialPhone({ to: '+15550000002', from: '+15550000001', timeout: 30 })
const collect = await call.collect({ digits: { max: 3, digitTimeout: 10 }, initialTimeout: 30 }).onStarted()
report('collecting')
const { digits } = await collect.ended()
report('collected', { digits })
await call.hangup()
report('ended')
