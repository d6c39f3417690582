// tests/clients/waiting, by node-postgres: one login; its limit in seconds, 0:
// none.
const fs = require('fs')
const { Client } = require('pg')

const client = new Client({
	ssl: { ca: fs.readFileSync(process.env.PGSSLROOTCERT) },
	connectionTimeoutMillis: 1000 * process.argv[2],
})
client.on('notice', (n) => console.log('notice', n.code, n.message))
// The timer's end is also an event.
client.on('error', () => {})

async function main()
{
	await client.connect()
	console.log('value', (await client.query('SELECT 7 AS n')).rows[0].n)
	await client.end()
}

main().catch((e) => {
	console.log(e.code, e.message)
	process.exit(1)
})
