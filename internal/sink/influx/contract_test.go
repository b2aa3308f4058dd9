package influx_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"envoyd/internal/nettest"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
	"envoyd/internal/sink/influx"
	"envoyd/internal/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSink(t testing.TB, cfg influx.Config) *influx.Sink {
	t.Helper()
	s, err := influx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// troubled fills in what a proxy between sink and database can do.
func troubled(t *testing.T, s sinktest.Subject, proxy *nettest.Proxy) sinktest.Subject {
	set := func(t *testing.T, mode nettest.Mode) func() {
		proxy.Set(t, mode)
		return func() { proxy.Set(t, nettest.Pass) }
	}
	s.Away = func(t *testing.T) func() { return set(t, nettest.Refuse) }
	s.Lose = func(t *testing.T) func() {
		back := set(t, nettest.CutAnswer)
		return func() {
			if proxy.Cuts() == 0 {
				t.Error("no answer was lost")
			}
			back()
		}
	}
	s.Stall = func(t *testing.T) { set(t, nettest.Stall) }
	return s
}

func TestContractInflux2Double(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		d := newDouble(t)
		d.types["enphase_power generator_w"] = "string"
		proxy := nettest.Listen(t, d.Listener.Addr().String())
		return troubled(t, sinktest.Subject{
			Sink: newSink(t, influx.Config{URL: "http://" + proxy.Addr(), Org: doubleOrg, Bucket: doubleBucket,
				Token: secret.New(doubleToken)}),
			Stored: func(t *testing.T) map[int64]float64 { return d.column(t, "enphase_power", "production_w") },
			Poison: func(r *reading.Record) { r.Power.GeneratorW = reading.Of(1) },
		}, proxy)
	})
}

func TestContractInflux18(t *testing.T) {
	server := startInflux(t)
	var databases atomic.Int32
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		db := fmt.Sprintf("solar%d", databases.Add(1))
		query(t, server, "", "CREATE DATABASE "+db)
		raw(t, server, db, fmt.Sprintf("enphase_power,gateway=x generator_w=\"text\" %d", sinktest.Start().UnixMilli()))
		proxy := nettest.Listen(t, server.addr)
		return troubled(t, sinktest.Subject{
			Sink: newSink(t, influx.Config{URL: "http://" + proxy.Addr(), Bucket: db,
				Username: adminName, Password: secret.New(adminPassword)}),
			Stored: func(t *testing.T) map[int64]float64 {
				return influxColumn(t, server, db, "enphase_power", "production_w")
			},
			Poison: func(r *reading.Record) { r.Power.GeneratorW = reading.Of(1) },
		}, proxy)
	})
}

func TestContractVictoriaMetrics(t *testing.T) {
	server := startVictoria(t)
	sinktest.Run(t, func(t *testing.T) sinktest.Subject {
		run := strings.ReplaceAll(t.Name(), "/", "-")
		run = run[max(0, len(run)-40):]
		proxy := nettest.Listen(t, server.addr)
		return troubled(t, sinktest.Subject{
			Sink: newSink(t, influx.Config{URL: "http://" + proxy.Addr(), Tags: map[string]string{"run": run}}),
			Stored: func(t *testing.T) map[int64]float64 {
				return victoriaColumn(t, server, fmt.Sprintf("enphase_power_production_w{run=%q}", run))
			},
		}, proxy)
	})
}
