// SignalWire's client for Node.js: reports the messages of a context, and sends one message if RELAY_TO is set.
// The program reports each step as a line of JSON.

import { SignalWire } from '@signalwire/realtime-api'

const { RELAY_HOST, RELAY_TOKEN, RELAY_CONTEXT, RELAY_TO, RELAY_FROM } = process.env
const final = ['delivered', 'undelivered', 'failed']

const report = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const client = await SignalWire({ host: RELAY_HOST, project: 'p', token: RELAY_TOKEN })

await client.messaging.listen({
  topics: [RELAY_CONTEXT],
  onMessageReceived: ({ body, from, context }) => report('received', { body, sender: from, context }),
  onMessageUpdated: ({ state, reason = '' }) => {
    report('state', { state })
    if (final.includes(state)) report('done', { state, reason })
  },
})

if (RELAY_TO) {
  const media = ['https://example.com/a.png']
  await client.messaging.send({ context: RELAY_CONTEXT, to: RELAY_TO, from: RELAY_FROM, body: 'Hello', media })
}
