// A webhook receiver: verify, remember the id, answer, then work. npm install standardwebhooks
// WEBHOOK_SECRET=whsec_… node receiver.mjs 8080
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const seen = new Set(); // yours: a table with a unique id
const newest = new Map(); // yours: a column beside each object

function handle(event) {
  // Events may come out of order: an older one than you have of an object tells nothing new.
  const about = event.data.id;
  if (event.sequence <= (newest.get(about) ?? 0)) return;
  newest.set(about, event.sequence);
  console.log(event.type, about);
}

createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    let event;
    try {
      event = webhook.verify(Buffer.concat(chunks).toString(), request.headers);
    } catch {
      response.writeHead(400).end();
      return;
    }
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) {
      seen.add(id); // the same event may come more than once
      handle(event); // better: put it into a queue
    }
    response.writeHead(204).end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
