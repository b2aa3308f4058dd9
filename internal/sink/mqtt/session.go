package mqtt

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// Home Assistant's start is answered after a random delay, so that a house
// full of bridges does not answer at once, and not more often than this.
const (
	birthDelay = 3 * time.Second  // at most, after at least one
	birthPause = 30 * time.Second // also after connecting
	// denyDelay is how soon a foreign offline is corrected. Who ends in order
	// says several, and who says it all the time is not answered each time.
	denyDelay = time.Second
)

// events are what a connection tells us.
type events struct {
	lost    <-chan error
	births  <-chan struct{} // Home Assistant came up
	denials <-chan struct{} // somebody said that we are offline
}

// session is one connection: what is to be said and what was.
type session struct {
	p         *Publisher
	out       outbox
	events    events
	feeds     map[string]*feed
	order     []string  // of feeds, sorted
	announced time.Time // when everything was last announced
	birthAt   time.Time // when to answer a birth; zero = none
	denyAt    time.Time // when to say that we are here all the same; zero = no need
}

// newSession takes the connection as two things, so that tests can be one.
func newSession(p *Publisher, send func(message) paho.Token, e events) *session {
	return &session{p: p, out: outbox{send: send}, events: e, feeds: map[string]*feed{}}
}

// run talks until ctx ends (nil) or the connection does.
func (s *session) run(ctx context.Context) error {
	if err := s.greet(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	s.p.cfg.Report(status.Green, "connected to "+s.p.target.address, "")
	listener := s.p.cfg.Hub.Listen()
	defer listener.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.events.lost:
			return lostError(err)
		case r := <-listener.C:
			if err := s.take(r, time.Now()); err != nil {
				return err
			}
		case <-s.out.acknowledged():
		case <-s.events.births:
			s.born(time.Now())
		case <-s.events.denials:
			s.denied(time.Now())
		case <-timer.C:
		}
		next, err := s.work(time.Now())
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
	}
}

func lostError(err error) error { return fmt.Errorf("the connection was lost: %w", err) }

// greet says online, takes back what is gone and announces every known device,
// and waits until the broker has all of it: documents come before states.
func (s *session) greet(ctx context.Context) error {
	now := time.Now()
	s.out.put(message{topic: s.p.topics.status(), payload: []byte(online), qos: 1})
	for _, r := range s.p.cfg.Hub.All() {
		s.feed(r.Gateway).take(r, now)
	}
	exist := s.p.cfg.Gateways()
	for _, gateway := range exist {
		s.feed(gateway)
	}
	if len(exist) > 0 {
		s.p.memory.leave(s.p.topics, s.order)
	}
	for _, topic := range slices.Clone(s.p.memory.file.Retire) {
		s.out.put(s.p.retirement(topic))
	}
	for _, gateway := range s.order {
		s.feeds[gateway].learnAll(now)
		s.feeds[gateway].announce()
	}
	s.announced = now
	return s.drain(ctx)
}

// drain sends until everything is acknowledged. Readings wait for so long,
// in the hub, where the newest replaces the others.
func (s *session) drain(ctx context.Context) error {
	for {
		next, err := s.push(time.Now())
		if err != nil || s.out.empty() {
			return err
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case err := <-s.events.lost:
			timer.Stop()
			return lostError(err)
		case <-s.out.acknowledged():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take is the hot path: a measurement becomes a message before anything else
// is looked at. It waits for no acknowledgement.
func (s *session) take(r *reading.Reading, now time.Time) error {
	f := s.feed(r.Gateway)
	f.take(r, now)
	if m, due := f.powerNow(now); due {
		return failed(s.out.send(m))
	}
	return nil
}

// work does what is due and returns when to come again.
func (s *session) work(now time.Time) (next time.Time, err error) {
	if !s.birthAt.IsZero() && !now.Before(s.birthAt) {
		s.birthAt = time.Time{}
		s.announced = now
		for _, gateway := range s.order {
			s.feeds[gateway].forget()
		}
	}
	s.deny(now)
	next = earliest(s.birthAt, s.denyAt)
	for _, gateway := range s.order {
		f := s.feeds[gateway]
		next = earliest(next, f.work(now))
		m, due, again := f.powerAgain(now)
		if due {
			if err := failed(s.out.send(m)); err != nil {
				return next, err
			}
		}
		next = earliest(next, again)
	}
	mute, err := s.push(now)
	if err != nil {
		return next, err
	}
	s.p.memory.save()
	return earliest(earliest(next, mute), now.Add(time.Minute)), nil
}

// push moves the outbox on and returns when the broker must have answered.
func (s *session) push(now time.Time) (mute time.Time, err error) {
	if err := s.out.settle(); err != nil {
		return mute, err
	}
	if err := s.out.flush(now); err != nil {
		return mute, err
	}
	sent, waiting := s.out.oldest()
	if !waiting {
		return mute, nil
	}
	mute = sent.Add(s.p.limits.ack)
	if now.Before(mute) {
		return mute, nil
	}
	return mute, errMute
}

// born notes that Home Assistant has started.
func (s *session) born(now time.Time) {
	if !s.birthAt.IsZero() {
		return
	}
	s.birthAt = now.Add(time.Second + rand.N(birthDelay-time.Second))
	if soonest := s.announced.Add(s.p.limits.birthPause); s.birthAt.Before(soonest) {
		s.birthAt = soonest
	}
}

// denied notes that the daemon's status topic says something else than online:
// the will of an earlier connection of ours, of which the broker has only now
// found out that it is dead, or the goodbye of a daemon that we took over from.
func (s *session) denied(now time.Time) {
	if s.denyAt.IsZero() {
		s.denyAt = now.Add(denyDelay)
	}
}

// deny says, once it is due, that the daemon is online, and how the gateways
// are: who takes leave does so for them, too.
func (s *session) deny(now time.Time) {
	if s.denyAt.IsZero() || now.Before(s.denyAt) {
		return
	}
	s.denyAt = time.Time{}
	s.out.put(message{topic: s.p.topics.status(), payload: []byte(online), qos: 1})
	for _, gateway := range s.order {
		s.feeds[gateway].told.status = ""
	}
}

// feed returns a gateway's feed, made when it is new.
func (s *session) feed(gateway string) *feed {
	f := s.feeds[gateway]
	if f == nil {
		f = newFeed(s.p, gateway, s.out.put)
		s.feeds[gateway] = f
		s.order = slices.Sorted(maps.Keys(s.feeds))
	}
	return f
}

// goodbye says offline, for each gateway first and then for the daemon, and
// waits for the broker to have it, no longer than budget in all. Programs that
// look only at a gateway's status would take what is retained for current. What
// else waits is not worth the time.
func (s *session) goodbye(ctx context.Context, budget time.Duration) {
	until := time.Now().Add(budget)
	for _, gateway := range s.order {
		if s.feeds[gateway].told.status != offline {
			_ = s.leave(ctx, s.p.topics.of(gateway, "status"), until) // the last one says how it went
		}
	}
	if err := s.leave(ctx, s.p.topics.status(), until); err != nil {
		s.p.log.Warn("could not say goodbye to the broker; it will say offline by itself", "error", err)
	}
}

// leave says offline on one topic and waits for the broker to have it; once
// the time is up, it only says it.
func (s *session) leave(ctx context.Context, topic string, until time.Time) error {
	token := s.out.send(message{topic: topic, payload: []byte(offline), qos: 1})
	return wait(ctx, token, time.Until(until))
}
