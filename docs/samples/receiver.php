<?php
// A webhook receiver: verify, remember the id, answer, then work.
// composer require standard-webhooks/standard-webhooks
require "vendor/autoload.php";

$webhook = new \StandardWebhooks\Webhook(getenv("WEBHOOK_SECRET"));
$body = file_get_contents("php://input");
$headers = array_change_key_case(getallheaders());
try {
    $event = $webhook->verify($body, $headers);
} catch (\StandardWebhooks\Exception\WebhookVerificationException $error) {
    http_response_code(400);
    exit;
}
$db = new PDO("sqlite:webhooks.db");
$db->exec("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)");
$db->exec("CREATE TABLE IF NOT EXISTS newest (id TEXT PRIMARY KEY, sequence INTEGER)");
$first = $db->prepare("INSERT OR IGNORE INTO seen VALUES (?)");
$first->execute([$headers["webhook-id"]]);
if ($first->rowCount()) { // the same event may come more than once
    // Events may come out of order: an older one than you have of an object tells nothing new.
    $newer = $db->prepare("INSERT INTO newest VALUES (?, ?) ON CONFLICT (id)
        DO UPDATE SET sequence = excluded.sequence WHERE excluded.sequence > newest.sequence");
    $newer->execute([$event["data"]["id"], $event["sequence"]]);
    if ($newer->rowCount()) {
        error_log($event["type"] . " " . $event["data"]["id"]); // better: put it into a queue
    }
}
http_response_code(204);
