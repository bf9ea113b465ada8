// What npm's ksqldb-client does with a server: node ksqldb_client.js NODE_MODULES PORT TOPIC; prints one JSON object.
const [, , modules, port, topic] = process.argv;
const Client = require(`${modules}/ksqldb-client`);
const earliest = { "ksql.streams.auto.offset.reset": "earliest" };

async function untilThree(client) {
  for (;;) {
    const { data } = await client.query("SELECT * FROM counted WHERE k = 'a';");
    if (data.rows.length === 1 && data.rows[0].N === 3) return data.rows;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function main() {
  const client = new Client({ host: "http://127.0.0.1", port: Number(port) });
  await client.connect();
  const source = `CREATE STREAM \${name} (k STRING KEY, id INT) WITH (KAFKA_TOPIC='${topic}', VALUE_FORMAT='JSON', PARTITIONS=2);`;
  const created = await client.executeStatement(source, { sessionVariables: { name: "js" } });
  const table = `CREATE TABLE counted WITH (KAFKA_TOPIC='${topic}-counted') AS SELECT k, COUNT(*) AS n FROM js GROUP BY k;`;
  await client.executeStatement(table, { streamsProperties: earliest });
  const pushed = [];
  let id, three;
  const arrived = new Promise((resolve) => (three = resolve));
  const onData = ({ metadata, rows }) => {
    id = metadata.queryId;
    pushed.push(...(rows || []));
    if (pushed.length === 3) three();
  };
  const ended = client.streamQuery("SELECT * FROM js EMIT CHANGES;", onData, { properties: earliest });
  const inserted = [];
  for (const number of [0, 1, 2]) inserted.push((await client.insertInto("js", { k: "a", id: number })).status);
  await arrived;
  const terminated = (await client.terminatePushQuery(id)).status;
  await ended;
  const refused = await client.query("SELECT * FROM nothing;");
  const names = (sources) => sources.map(({ name }) => name);
  const found = {
    created: created.data.rows[0].commandStatus.message,
    inserted,
    pushed,
    terminated,
    pulled: await untilThree(client),
    streams: names(await client.listStreams()),
    tables: names(await client.listTables()),
    fields: names((await client.describeSource("js")).fields),
    refused: [refused.status, refused.error.error_code],
  };
  await client.disconnect();
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
