package counters_test

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/reading"
	"envoyd/internal/sim/home"
)

// message is one that the subscriber got, with what really was at the time
// that it speaks of.
type message struct {
	topic, payload string
	at             time.Time
	truth          home.Truth
}

// energyMessage is the payload of …/energy.
type energyMessage struct {
	Energy, Today reading.Energy
	Time          time.Time
	Estimated     []string
}

// powerMessage is the payload of …/power.
type powerMessage struct {
	reading.Power
	Time    time.Time
	Source  string
	Quality string
}

// subscriber listens to everything.
type subscriber struct {
	t      *testing.T
	client paho.Client
	truth  func(time.Time) home.Truth

	mu   sync.Mutex
	last map[string]message // by topic
	all  []message          // of power and energy
}

func subscribe(w *world) *subscriber {
	s := &subscriber{t: w.t, truth: w.sim.Truth, last: map[string]message{}}
	o := paho.NewClientOptions().AddBroker("tcp://" + brokerAt).SetClientID("listener").
		SetUsername(w.sim.Broker.User()).SetPassword(w.sim.Broker.Password()).SetProtocolVersion(4).SetOrderMatters(true).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			return w.dial(context.Background(), "tcp", brokerAt)
		})
	s.client = paho.NewClient(o)
	for _, step := range []func() paho.Token{s.client.Connect, func() paho.Token { return s.client.Subscribe("#", 1, s.take) }} {
		if token := step(); token.Wait() && token.Error() != nil {
			w.t.Fatal("connecting the subscriber:", token.Error())
		}
	}
	return s
}

func (s *subscriber) close() { s.client.Disconnect(250) }

func (s *subscriber) take(_ paho.Client, m paho.Message) {
	msg := message{topic: m.Topic(), payload: string(m.Payload()), at: time.Now()}
	kept := strings.HasSuffix(msg.topic, "/power") || strings.HasSuffix(msg.topic, "/energy")
	var speaksOf struct{ Time time.Time }
	if kept && json.Unmarshal(m.Payload(), &speaksOf) == nil {
		msg.truth = s.truth(speaksOf.Time)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept {
		s.all = append(s.all, msg)
	}
	s.last[msg.topic] = msg
}

// find returns the newest message of the topic with that ending.
func (s *subscriber) find(ending string) (message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, m := range s.last {
		if strings.HasSuffix(topic, ending) && strings.HasPrefix(topic, "envoyd/") {
			return m, true
		}
	}
	return message{}, false
}

// since returns the messages of topics with that ending that came after a moment.
func (s *subscriber) since(moment time.Time, ending string) []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []message
	for _, m := range s.all {
		if m.at.After(moment) && strings.HasSuffix(m.topic, ending) {
			found = append(found, m)
		}
	}
	return found
}

// decode reads a payload.
func decode[T any](t *testing.T, m message) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(m.payload), &v); err != nil {
		t.Fatalf("%s: %v in %s", m.topic, err, m.payload)
	}
	return v
}
