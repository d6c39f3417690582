// tests/clients/waiting, by node-postgres: one login, one statement ($SQL); the
// login's limit in seconds, 0: none.
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
	const r = await client.query(process.env.SQL)
	console.log(Object.values(r.rows[0])[0])
	await client.end()
}

main().catch((e) => {
	console.log(e.code, e.message)
	process.exit(1)
})
