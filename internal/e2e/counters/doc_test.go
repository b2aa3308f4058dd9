// Package counters proves that the numbers are right and the counters never
// lie: each way in which gateways were seen to spoil energy statistics is
// played through the whole daemon, from the gateway's HTTP answers to an MQTT
// subscriber and a database, and compared with what really was.
//
// Time is not waited for: gateway, broker, database and daemon live in a
// synctest bubble, joined by connections in memory, so that an hour takes a
// second. What is real all the same is in reality_test.go: sockets, influxd,
// the page, `envoyd check`.
package counters_test
