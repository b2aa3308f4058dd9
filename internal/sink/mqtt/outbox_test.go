package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/google/go-cmp/cmp"
)

// blocked is an outbox whose broker acknowledges nothing, full to the brim.
func blocked(sent *[]string) *outbox {
	o := &outbox{send: func(m message) paho.Token {
		*sent = append(*sent, m.topic+"="+string(m.payload))
		return token{make(chan struct{})}
	}}
	for i := range maxInFlight {
		o.put(message{topic: fmt.Sprint("full/", i), qos: 1})
	}
	_ = o.flush(time.Now())
	*sent = nil
	return o
}

// free acknowledges everything in flight.
func (o *outbox) free(t *testing.T) {
	t.Helper()
	for _, f := range o.flying {
		close(f.token.(token).done)
	}
	if err := o.settle(); err != nil {
		t.Fatal(err)
	}
	if err := o.flush(time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestTheNewestReplacesWhatWaits(t *testing.T) {
	var sent []string
	o := blocked(&sent)
	settled := 0
	for i := range 1000 {
		o.put(message{topic: "state", payload: fmt.Append(nil, i), qos: 1, settled: func() { settled++ }})
		o.put(message{topic: "energy", payload: fmt.Append(nil, i), qos: 1})
	}
	if len(o.waiting) != 2 {
		t.Errorf("%d messages wait for two topics", len(o.waiting))
	}
	o.free(t)
	if diff := cmp.Diff([]string{"state=999", "energy=999"}, sent); diff != "" {
		t.Error(diff)
	}
	o.free(t)
	if settled != 1000 || !o.empty() {
		t.Errorf("%d of 1000 know that it has arrived", settled)
	}
}

func TestARemovalIsSeenBeforeWhatFollowsIt(t *testing.T) {
	var sent []string
	o := blocked(&sent)
	o.put(message{topic: "config", payload: []byte("old"), qos: 1})
	o.put(message{topic: "config", payload: []byte("removing"), qos: 1, every: true})
	o.put(message{topic: "config", payload: []byte("without"), qos: 1})
	o.put(message{topic: "config", payload: []byte("newer"), qos: 1})
	o.free(t)
	if diff := cmp.Diff("config=old config=removing config=newer", strings.Join(sent, " ")); diff != "" {
		t.Error(diff)
	}
}

func TestTooMuchThatWaitsEndsTheConnection(t *testing.T) {
	var sent []string
	o := blocked(&sent)
	for i := range maxWaiting + 1 {
		o.put(message{topic: fmt.Sprint(i), qos: 1})
	}
	if err := o.flush(time.Now()); !errors.Is(err, errCrowded) {
		t.Errorf("flush says %v", err)
	}
}
