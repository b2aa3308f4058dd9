package app

import (
	"net/netip"
	"testing"
	"time"

	"envoyd/internal/config"
	"envoyd/internal/discover"
	"envoyd/internal/reading"
	"envoyd/internal/store"

	"github.com/google/go-cmp/cmp"
)

func TestTheInstallationIsTheFirstOfTheChain(t *testing.T) {
	all := []config.Gateway{
		{Serial: "122000000003", Replaces: "122000000002"},
		{Serial: "122000000002", Replaces: "122000000001"},
		{Serial: "122000000009"},
	}
	for serial, want := range map[string]string{
		"122000000003": "122000000001", // the first one need not be configured any more
		"122000000002": "122000000001",
		"122000000009": "122000000009",
	} {
		g, ok := gatewayOf(all, serial)
		if !ok || installation(all, g) != want {
			t.Errorf("%s belongs to %s, want %s", serial, installation(all, g), want)
		}
	}
}

// What envoyd tells an owner to paste must be accepted as it is.
func TestThePrintedBlockIsAConfiguration(t *testing.T) {
	const key = "0ef7c09338d32cd9408670c230be991dfe1a12f9fc80447e0d27122bee057d07"
	text := Blocks([]Heard{{Serial: "122000000001", Certificate: key}, {Serial: "122000000002"}})
	c, err := config.Parse("pasted", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Gateway{{Serial: "122000000001", Certificate: config.List{key}}, {Serial: "122000000002"}}
	if d := cmp.Diff(want, c.Gateways); d != "" {
		t.Errorf("pasting %q:\n%s", text, d)
	}
}

func TestAddressesLeaveTheAnnouncedPortOutUnlessItIsOdd(t *testing.T) {
	heard := []discover.Candidate{
		{Serial: "122000000001", Port: 80, Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.20"), netip.MustParseAddr("fd00::1")}},
		{Serial: "122000000001", Port: 8443, Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.20")}},
		{Serial: "122000000002", Port: 80, Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.21")}},
	}
	want := []string{"192.168.1.20", "[fd00::1]", "192.168.1.20:8443"}
	if d := cmp.Diff(want, addressesOf(heard, "122000000001")); d != "" {
		t.Error(d)
	}
}

// A lost ledger learns from the history what the counters stood at when the
// day began, in the gateway's zone.
func TestMidnightIsReadFromTheHistory(t *testing.T) {
	s, err := store.Open(store.Config{Dir: t.TempDir(), RAM: "-"})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{state: &state{store: s}}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	const gateway = "122000000001"
	if _, at, err := a.midnight(gateway, time.UTC); err != nil || !at.IsZero() {
		t.Errorf("without history: %v, %v", at, err)
	}
	// A zone in which midnight passed about three hours ago.
	now := time.Now().UTC()
	sinceMidnight := now.Sub(now.Truncate(24 * time.Hour)).Truncate(15 * time.Minute)
	zone := time.FixedZone("test", int((3*time.Hour - sinceMidnight).Seconds()))
	y, m, d := now.In(zone).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for i, after := range []time.Duration{-time.Hour, 90 * time.Second, time.Hour} {
		rec := reading.Record{Tier: reading.TierPower, Reading: reading.Reading{
			Gateway: gateway, Serial: gateway, Source: reading.Local, Time: midnight.Add(after),
			Energy: reading.Energy{ProductionWh: reading.Of(float64(1000 * (i + 1)))},
		}}
		if _, err := s.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	e, at, err := a.midnight(gateway, zone)
	if err != nil || e.ProductionWh != reading.Of(2000) || !at.Equal(midnight.Add(2*time.Minute)) {
		t.Errorf("got %v at %v, %v", e.ProductionWh, at, err)
	}
}
