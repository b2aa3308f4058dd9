package e2e

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Message is one that a subscriber got.
type Message struct {
	Topic    string
	Payload  string
	Retained bool
	At       time.Time
}

// Subscriber listens at the house's broker, as Home Assistant would, and keeps
// everything it gets.
type Subscriber struct {
	t   testing.TB
	mu  sync.Mutex
	all []Message
}

// Subscribe listens to a topic filter until the test ends.
func (h *House) Subscribe(filter string) *Subscriber {
	h.t.Helper()
	s := &Subscriber{t: h.t}
	o := paho.NewClientOptions().AddBroker("tcp://" + h.Sim.Broker.Addr()).
		SetClientID("listener-" + strings.NewReplacer("/", "-", "#", "all", "+", "any").Replace(filter)).
		SetUsername(h.Sim.Broker.User()).SetPassword(h.Sim.Broker.Password()).
		SetProtocolVersion(4).SetOrderMatters(true).
		SetOnConnectHandler(func(c paho.Client) { c.Subscribe(filter, 1, s.take) })
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(Patience) || token.Error() != nil {
		h.t.Fatal("connecting a subscriber:", token.Error())
	}
	h.t.Cleanup(func() { c.Disconnect(0) })
	return s
}

func (s *Subscriber) take(_ paho.Client, m paho.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, Message{Topic: m.Topic(), Payload: string(m.Payload()), Retained: m.Retained(), At: time.Now()})
}

// All returns every message so far, in order, of topics with that ending.
func (s *Subscriber) All(ending string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Message
	for _, m := range s.all {
		if strings.HasSuffix(m.Topic, ending) {
			found = append(found, m)
		}
	}
	return found
}

// Last returns the newest message of topics with that ending; its zero value
// when there is none.
func (s *Subscriber) Last(ending string) Message {
	all := s.All(ending)
	if len(all) == 0 {
		return Message{}
	}
	return all[len(all)-1]
}

// Numbers returns every value that a member of the JSON payloads had, in order.
// path leads into objects: "energy.production_wh". Messages without the member
// are left out.
func (s *Subscriber) Numbers(ending, path string) []float64 {
	s.t.Helper()
	var found []float64
	for _, m := range s.All(ending) {
		var at any
		if json.Unmarshal([]byte(m.Payload), &at) != nil {
			continue
		}
		for key := range strings.SplitSeq(path, ".") {
			object, _ := at.(map[string]any)
			at = object[key]
		}
		if n, ok := at.(float64); ok {
			found = append(found, n)
		}
	}
	return found
}
