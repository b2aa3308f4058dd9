package mqtt

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// message is a retained publication.
type message struct {
	topic   string
	payload []byte
	qos     byte
	// every keeps a later message to the same topic from replacing this one
	// while it waits: a removal must be seen before what follows it.
	every   bool
	settled func() // called once the broker has it; may be nil
}

// Bounds of what a slow broker can make us hold.
const (
	maxInFlight = 32   // sent at QoS 1 and not yet acknowledged
	maxWaiting  = 4096 // not yet sent; far more than the topics of a large site
)

// errCrowded says that more waits than can ever be right.
var errCrowded = errors.New("the broker is too slow for what there is to send")

// outbox sends messages in order, with few in flight. A message that waits is
// replaced by a newer one to the same topic, so a slow broker costs neither
// memory nor makes news of the past.
type outbox struct {
	send    func(message) paho.Token
	waiting []*message
	byTopic map[string]*message // those in waiting that may be replaced
	flying  []flight
}

type flight struct {
	token   paho.Token
	sent    time.Time
	settled func()
}

// put adds a message to what waits.
func (o *outbox) put(m message) {
	if old := o.byTopic[m.topic]; old != nil && !m.every {
		old.payload, old.settled = m.payload, both(old.settled, m.settled)
		return
	}
	o.waiting = append(o.waiting, &m)
	if m.every {
		delete(o.byTopic, m.topic) // what follows must come after it
		return
	}
	if o.byTopic == nil {
		o.byTopic = map[string]*message{}
	}
	o.byTopic[m.topic] = &m
}

func both(f, g func()) func() {
	if f == nil || g == nil {
		if f == nil {
			return g
		}
		return f
	}
	return func() { f(); g() }
}

// flush sends what may be sent now.
func (o *outbox) flush(now time.Time) error {
	n := 0
	for _, m := range o.waiting {
		if m.qos > 0 && len(o.flying) >= maxInFlight {
			break
		}
		n++
		if o.byTopic[m.topic] == m {
			delete(o.byTopic, m.topic)
		}
		token := o.send(*m)
		if err := failed(token); err != nil {
			return err
		}
		if m.qos > 0 {
			o.flying = append(o.flying, flight{token, now, m.settled})
		}
	}
	o.waiting = append(o.waiting[:0], o.waiting[n:]...)
	if len(o.waiting) == 0 {
		o.waiting = nil
	}
	if len(o.waiting) > maxWaiting {
		return errCrowded
	}
	return nil
}

// acknowledged is closed when the oldest message in flight has been.
func (o *outbox) acknowledged() <-chan struct{} {
	if len(o.flying) == 0 {
		return nil
	}
	return o.flying[0].token.Done()
}

// settle takes the acknowledged messages out.
func (o *outbox) settle() error {
	for len(o.flying) > 0 {
		f := o.flying[0]
		select {
		case <-f.token.Done():
		default:
			return nil
		}
		if err := f.token.Error(); err != nil {
			return err
		}
		o.flying = o.flying[1:]
		if f.settled != nil {
			f.settled()
		}
	}
	o.flying = nil
	return nil
}

// oldest returns when the oldest message in flight was sent.
func (o *outbox) oldest() (time.Time, bool) {
	if len(o.flying) == 0 {
		return time.Time{}, false
	}
	return o.flying[0].sent, true
}

// empty reports whether everything has been sent and acknowledged.
func (o *outbox) empty() bool { return len(o.waiting) == 0 && len(o.flying) == 0 }

// failed returns a token's error if it has already failed.
func failed(t paho.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	default:
		return nil
	}
}
