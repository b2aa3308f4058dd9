package mqtt

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/live"
	"envoyd/internal/reading"
)

// bigSite is a site of fifty inverters.
func bigSite(t time.Time) *reading.Reading {
	r := large(t)
	for i := range 48 {
		r.Inverters = append(r.Inverters, reading.Inverter{Serial: "1223440440" + string(rune('0'+i/10)) + string(rune('0'+i%10)), Time: t, PowerW: reading.Of(200)})
	}
	return r
}

// BenchmarkPowerToTheWire is the way of a measurement from the hub to the other
// end of a socket, on a connection that has everything else to do as well.
func BenchmarkPowerToTheWire(b *testing.B) {
	arrived := make(chan time.Time, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		acknowledge(c, bufio.NewReader(c), func(topic string) bool {
			if strings.HasSuffix(topic, "/power") {
				arrived <- time.Now()
			}
			return true
		})
	}()
	hub := &live.Hub{}
	p, err := New(Config{URL: "mqtt://" + l.Addr().String(), Hub: hub, HA: HomeAssistant{Prefix: "homeassistant"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	r := bigSite(time.Now())
	hub.Publish(r)
	<-arrived
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		next := *r
		next.Time = r.Time.Add(time.Second)
		r = &next
		begun := time.Now()
		hub.Publish(r)
		took = append(took, (<-arrived).Sub(begun))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	cancel()
	<-done
	<-ended
}

// BenchmarkSecond is everything that one more second of a big site costs us,
// without the network.
func BenchmarkSecond(b *testing.B) {
	hub := &live.Hub{}
	p, err := New(Config{URL: "mqtt://127.0.0.1", Hub: hub, HA: HomeAssistant{Prefix: "homeassistant"}})
	if err != nil {
		b.Fatal(err)
	}
	done := token{make(chan struct{})}
	close(done.done)
	s := newSession(p, func(message) paho.Token { return done }, events{})
	now := time.Now()
	r := bigSite(now)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		next := *r
		next.Time = now
		r = &next
		if err := s.take(r, now); err != nil {
			b.Fatal(err)
		}
		if _, err := s.work(now); err != nil {
			b.Fatal(err)
		}
	}
}
