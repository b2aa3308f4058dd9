package sim_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/grandcat/zeroconf"

	"envoyd/internal/sim"
)

// announcedSerial is no other test's, since all tests share one loopback.
const announcedSerial = "122333444777"

func TestTheAnnouncementFollowsTheGateway(t *testing.T) {
	c := start(t, sim.Config{Home: noon(), MDNS: true, Serial: announcedSerial})
	if got, want := announcedPort(t), port(t, c); got != want {
		t.Errorf("announced at port %d, it listens at %d", got, want)
	}
	if _, err := c.sim.Gateway.Move(""); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the new port is announced", func() bool { return announcedPort(t) == port(t, c) })
}

// port is where the gateway listens.
func port(t *testing.T, c *client) int {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", c.sim.Gateway.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return addr.Port
}

// announcedPort asks loopback for a gateway.
func announcedPort(t *testing.T) int {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := zeroconf.NewResolver(zeroconf.SelectIfaces([]net.Interface{*lo}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	found := make(chan *zeroconf.ServiceEntry, 10)
	if err := resolver.Browse(ctx, "_enphase-envoy._tcp", "local.", found); err != nil {
		t.Fatal(err)
	}
	port := 0
	for entry := range found { // it is closed when the resolver has ended
		if slices.Contains(entry.Text, "serialnum="+announcedSerial) {
			port = entry.Port
			cancel()
		}
	}
	if port == 0 {
		t.Fatal("no gateway was announced on loopback")
	}
	return port
}
