// Each line of the input is a request that we sent: {secret, headers, body, at}. Each line of the
// output says whether npm's standardwebhooks accepts it at that second.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body, at } = JSON.parse(line);
  Date.now = () => at * 1000;
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64").toString(), headers);
    console.log("accepted");
  } catch (error) {
    console.log(error.message);
  }
}
