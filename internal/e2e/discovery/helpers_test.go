package discovery_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"envoyd/internal/netnstest"
	"envoyd/internal/sim"
	"envoyd/internal/sim/announce"
)

// The tests of this file are no tests but programs that others start in a
// namespace.

// TestGatewayForANamespace is simulated gateways: GATEWAYS lists them as
// ADDRESS/SERIAL, or ADDRESS/SERIAL/INSTANCE to announce one, with spaces
// between.
func TestGatewayForANamespace(t *testing.T) {
	list := strings.Fields(os.Getenv("GATEWAYS"))
	if !netnstest.Inside() || len(list) == 0 {
		return // started as a test of its own
	}
	var all []*sim.Sim
	for _, g := range list {
		f := strings.Split(g, "/")
		s, err := sim.Start(sim.Config{Listen: f[0], Serial: f[1]})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		if len(f) > 2 {
			id := s.Identity()
			if _, err := announce.Start(announce.Config{Address: f[0], Serial: id.Serial, Firmware: id.Firmware, Instance: f[2]}); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("token", s.Token())
	}
	fmt.Println("all are there")
	for range time.Tick(100 * time.Millisecond) { // until it is killed
		for _, s := range all {
			if s.Gateway.Traffic().Credentials > 0 {
				fmt.Println("a login came")
			}
		}
	}
}

// TestDoorForANamespace says who knocks at port DOOR.
func TestDoorForANamespace(t *testing.T) {
	port := os.Getenv("DOOR")
	if !netnstest.Inside() || port == "" {
		return // started as a test of its own
	}
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("the door is there")
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("a knock from", conn.RemoteAddr())
		_ = conn.Close()
	}
}
