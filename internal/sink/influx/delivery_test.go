package influx_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/deliver"
	"envoyd/internal/fault"
	"envoyd/internal/nettest"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
	"envoyd/internal/sink/influx"
	"envoyd/internal/sinktest"
)

// delivery is a running loop from a queue in memory into a real database.
type delivery struct {
	queue    *sinktest.Queue
	records  []reading.Record
	appended int
	stop     func()
}

func deliverTo(t *testing.T, sink deliver.Sink, n int) *delivery {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &delivery{queue: &sinktest.Queue{}, records: sinktest.Records(sinktest.Start(), n)}
	done := make(chan error, 1)
	go func() {
		done <- deliver.Run(ctx, deliver.Config{Name: "influx", Queue: d.queue, Sink: sink, Batch: 40,
			Rejected: func(r reading.Record, why error) { t.Errorf("record %d rejected: %v", r.Seq, why) }})
	}()
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return d
}

// add lets n more records come in.
func (d *delivery) add(n int) {
	d.queue.Append(d.records[d.appended : d.appended+n]...)
	d.appended += n
}

// arrive waits until the database has confirmed n records.
func (d *delivery) arrive(t *testing.T, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d records confirmed", n), func() bool { return d.queue.Cursor() >= uint64(n) })
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !reached(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (d *delivery) compare(t *testing.T, got map[int64]float64) {
	t.Helper()
	if diff := cmp.Diff(sinktest.Want(d.records), got); diff != "" {
		t.Errorf("in the database (-want +got):\n%s", diff)
	}
}

// TestDeliveryInflux18 kills the database, hides it and loses its answers while
// records come in; in the end each is there exactly once.
func TestDeliveryInflux18(t *testing.T) {
	t.Parallel()
	server := startInflux(t)
	query(t, server, "", "CREATE DATABASE solar")
	proxy := nettest.Listen(t, server.addr)
	sink := newSink(t, influx.Config{URL: "http://" + proxy.Addr(), Bucket: "solar/autogen",
		Username: adminName, Password: secret.New(adminPassword)})
	d := deliverTo(t, sink, 400)
	d.add(100)
	d.arrive(t, 100)

	proxy.Set(t, nettest.CutAnswer)
	d.add(50)
	await(t, "an answer was lost", func() bool { return proxy.Cuts() > 0 })
	d.add(50)
	proxy.Set(t, nettest.Pass)
	d.arrive(t, 200)

	d.add(50)
	server.kill(t)
	d.add(50)
	server.start(t)
	d.arrive(t, 300)

	proxy.Set(t, nettest.Corrupt)
	d.add(50)
	proxy.Set(t, nettest.Refuse)
	d.add(50)
	proxy.Set(t, nettest.Pass)
	d.arrive(t, 400)
	d.stop()
	// Acknowledged is durable: nothing may depend on what the server still
	// has in memory.
	server.kill(t)
	server.start(t)
	d.compare(t, influxColumn(t, server, "solar", "enphase_power", "production_w"))
	if n := len(influxColumn(t, server, "solar", "enphase_energy", "production_wh")); n != 400 {
		t.Errorf("%d energies", n)
	}
}

// TestDeliveryVictoriaMetrics does the same with a database that keeps
// duplicates unless told otherwise, and that is stopped properly because it
// confirms before it has written.
func TestDeliveryVictoriaMetrics(t *testing.T) {
	t.Parallel()
	server := startVictoria(t)
	proxy := nettest.Listen(t, server.addr)
	d := deliverTo(t, newSink(t, influx.Config{URL: "http://" + proxy.Addr()}), 200)
	d.add(50)
	d.arrive(t, 50)
	proxy.Set(t, nettest.CutAnswer)
	d.add(50)
	await(t, "an answer was lost", func() bool { return proxy.Cuts() > 0 })
	proxy.Set(t, nettest.Pass)
	d.arrive(t, 100)
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = server.cmd.Wait()
	d.add(50)
	server.start(t)
	d.add(50)
	d.arrive(t, 200)
	d.stop()
	d.compare(t, victoriaColumn(t, server, "enphase_power_production_w"))
}

// TestDeliveryThroughRefusals plays the answers of a busy InfluxDB 2.
func TestDeliveryThroughRefusals(t *testing.T) {
	t.Parallel()
	double := newDouble(t)
	double.next(
		fabricated{status: 503},
		fabricated{status: 429, headers: map[string]string{"Retry-After": "1"}},
		fabricated{status: 503, stored: true},
	)
	d := deliverTo(t, double.sink(t, influx.Config{}), 120)
	d.add(120)
	d.arrive(t, 120)
	d.stop()
	d.compare(t, double.column(t, "enphase_power", "production_w"))
}

// TestTokenMended: what is refused for the login is kept until it is right.
func TestTokenMended(t *testing.T) {
	t.Parallel()
	double := newDouble(t)
	double.token = "rotated"
	s := double.sink(t, influx.Config{})
	records := sinktest.Records(sinktest.Start(), 30)
	if err := s.Write(t.Context(), records); !fault.Is(err, fault.Config) {
		t.Fatalf("Write: %v", err)
	}
	double.mu.Lock()
	double.token = doubleToken
	double.mu.Unlock()
	if err := s.Write(t.Context(), records); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if diff := cmp.Diff(sinktest.Want(records), double.column(t, "enphase_power", "production_w")); diff != "" {
		t.Error(diff)
	}
}
