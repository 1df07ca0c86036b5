// Peer (a): the design that the brief of this project began with. Express and Sequelize on PostgreSQL; each
// booking is a transaction that locks the event's row with SELECT ... FOR UPDATE, looks, writes and commits.
//
//   NODE_ENV=production NODE_PATH=build/peers/node/node_modules \
//       node bench/peers/express/server.js --socket FOLDER [--port 3001] [--pool N]
//
// Done to be fair: NODE_ENV is "production"; no log of requests or statements; no ETag, which Express would compute
// for each answer; PostgreSQL by its unix socket; a pool of a size that none beat here (2 to 32 were tried: all who
// book the same event wait for the same row, so more only wait in another place), opened at the start. Ids are
// numbers from a sequence and the place in line is a counter of the event's, so that nothing is ever counted.

const express = require("express");
const { DataTypes, Sequelize } = require("sequelize");
const { parseArgs } = require("node:util");

const POOL = "8";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "3001" },
    socket: { type: "string" }, // the folder of PostgreSQL's
    pool: { type: "string", default: POOL },
  },
});

const sequelize = new Sequelize({
  dialect: "postgres",
  host: options.socket,
  port: 5432,
  username: "boxoffice",
  database: "boxoffice",
  logging: false,
  pool: { max: Number(options.pool), min: Number(options.pool), acquire: 30_000 },
});

const count = { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 };
const required = { type: DataTypes.TEXT, allowNull: false };
const id = { type: DataTypes.BIGINT, autoIncrement: true, primaryKey: true };

const Event = sequelize.define("event", {
  id,
  name: required,
  totalTickets: { ...count },
  availableTickets: { ...count, validate: { min: 0 } },
  waitingListCount: { ...count },
  version: { ...count, defaultValue: 1 },
});
const Order = sequelize.define("order", {
  id,
  eventId: { type: DataTypes.BIGINT, allowNull: false },
  userId: required,
  quantity: { ...count },
  version: { ...count },
}, { updatedAt: false });
const WaitingEntry = sequelize.define("waitingEntry", {
  id,
  eventId: { type: DataTypes.BIGINT, allowNull: false },
  userId: required,
  quantity: { ...count },
  position: { ...count },
  version: { ...count },
}, { updatedAt: false });

async function book({ eventId, userId, quantity }) {
  return sequelize.transaction(async (transaction) => {
    const event = await Event.findByPk(eventId, { transaction, lock: transaction.LOCK.UPDATE });
    if (event === null) return null;
    const version = event.version + 1;
    if (event.availableTickets >= quantity && event.waitingListCount === 0) {
      await event.update({ availableTickets: event.availableTickets - quantity, version }, { transaction });
      return Order.create({ eventId, userId, quantity, version }, { transaction });
    }
    const position = event.waitingListCount + 1;
    await event.update({ waitingListCount: position, version }, { transaction });
    return WaitingEntry.create({ eventId, userId, quantity, position, version }, { transaction });
  });
}

const asText = (value) => typeof value === "string" && value.length > 0;
const isCount = (value) => Number.isInteger(value) && value > 0;

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json());

app.post("/initialize", async (request, response) => {
  const { eventName, totalTickets } = request.body;
  if (!asText(eventName) || !isCount(totalTickets)) return response.status(422).json({ code: "invalid_request" });
  const event = await Event.create({ name: eventName, totalTickets, availableTickets: totalTickets });
  response.status(201).json(statusOf(event));
});

app.post("/book", async (request, response) => {
  const { eventId, userId, quantity = 1 } = request.body;
  if (!/^\d{1,18}$/.test(eventId) || !asText(userId) || !isCount(quantity)) {
    return response.status(422).json({ code: "invalid_request" });
  }
  const order = await book({ eventId, userId, quantity });
  if (order === null) return response.status(404).json({ code: "event_not_found" });
  const waits = order instanceof WaitingEntry;
  response.status(waits ? 202 : 201).json({
    orderId: `${eventId}-${waits ? "w" : ""}${order.id}`,
    eventId: String(eventId),
    userId,
    quantity,
    status: waits ? "waitlisted" : "confirmed",
    version: order.version,
    createdAt: order.createdAt,
    position: waits ? order.position : undefined,
  });
});

app.get("/status/:eventId", async (request, response) => {
  const event = await Event.findByPk(request.params.eventId);
  if (event === null) return response.status(404).json({ code: "event_not_found" });
  response.json(statusOf(event));
});

function statusOf(event) {
  return {
    eventId: String(event.id),
    eventName: event.name,
    totalTickets: event.totalTickets,
    availableTickets: event.availableTickets,
    bookedTickets: event.totalTickets - event.availableTickets,
    waitingListCount: event.waitingListCount,
    version: event.version,
  };
}

async function main() {
  await sequelize.sync();
  const server = app.listen(Number(options.port), "127.0.0.1", 4096, () => {
    console.log(`express is open at http://127.0.0.1:${server.address().port}`);
  });
  process.on("SIGTERM", () => process.exit(0));
}

main();
