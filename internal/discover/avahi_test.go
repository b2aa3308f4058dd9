package discover_test

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"envoyd/internal/discover"
	"envoyd/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const serviceType = "_enphase-envoy._tcp"

func service(instance, serial, firmware string) netnstest.Service {
	return netnstest.Service{Instance: instance, Type: serviceType, Port: 80, Text: []string{"serialnum=" + serial, "protovers=" + firmware, "txtvers=1"}}
}

// found writes candidates as one line each, to compare.
func found(list []discover.Candidate) []string {
	var lines []string
	for _, c := range list {
		lines = append(lines, strings.Join([]string{c.Serial, c.Host, c.Firmware, join(c.Addresses)}, " "))
	}
	return lines
}

func join(addresses []netip.Addr) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ",")
}

// expect calls Find until it gives the lines wanted: a real responder takes
// its time to start and to notice a new address.
func expect(t *testing.T, cfg discover.Config, want []string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		list, err := discover.Find(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := found(list)
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("heard (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}

// expectInside is the half of a test that runs in the namespace of the daemon.
func expectInside(t *testing.T) {
	t.Helper()
	var names []string
	if n := os.Getenv("NAMES"); n != "" {
		names = strings.Split(n, ",")
	}
	expect(t, discover.Config{Interfaces: names, Wait: 2500 * time.Millisecond}, strings.Split(os.Getenv("WANT"), "\n"))
}

func want(lines ...string) string { return "WANT=" + strings.Join(lines, "\n") }

const (
	first  = "122333444555"
	second = "122333444666"
)

func TestRealResponderIsFoundAndFoundAgain(t *testing.T) {
	if netnstest.Inside() {
		expectInside(t)
		return
	}
	pair := netnstest.New(t)
	avahi := pair.Far.Avahi("envoy", service("envoy", first, "8.2.4264"), service("envoy-2", second, "7.6.175"))
	defer func() {
		if t.Failed() {
			t.Log(avahi.Output())
		}
	}()
	both := func(addresses string) string {
		return want(first+" envoy.local 8.2.4264 "+addresses, second+" envoy.local 7.6.175 "+addresses)
	}
	pair.Near.Rerun(both("10.83.0.2,fd83::2"))
	pair.Far.Readdress(netip.MustParsePrefix("10.83.0.77/24"), netip.MustParsePrefix("169.254.120.1/16"))
	pair.Near.Rerun(both("10.83.0.77"))
	pair.Near.Rerun(both("10.83.0.77"), "NAMES="+netnstest.Link)
}

func TestHostWithoutIPv6StillHears(t *testing.T) {
	if netnstest.Inside() {
		expectInside(t)
		return
	}
	pair := netnstest.New(t)
	pair.Near.WithoutIPv6()
	pair.Far.Avahi("envoy", service("envoy", first, "8.2.4264"))
	pair.Near.Rerun(want(first + " envoy.local 8.2.4264 10.83.0.2"))
}

func TestOnlyUniqueLocalAddressesAreEnough(t *testing.T) {
	if netnstest.Inside() {
		expectInside(t)
		return
	}
	pair := netnstest.New(t)
	pair.Near.Readdress(netnstest.NearULA)
	pair.Far.Readdress(netnstest.FarULA)
	pair.Far.Avahi("envoy", service("envoy", first, "8.2.4264"))
	pair.Near.Rerun(want(first + " envoy.local 8.2.4264 fd83::2"))
}

func TestGatewayOnAnotherSubnetDoesNotCount(t *testing.T) {
	if netnstest.Inside() {
		list, err := discover.Find(t.Context(), discover.Config{Wait: 6 * time.Second})
		if err != nil || len(list) != 1 || list[0].Serial != second {
			t.Errorf("heard %v, %v; want only the one on our subnet", list, err)
		}
		return
	}
	pair := netnstest.New(t)
	pair.Far.Readdress(netip.MustParsePrefix("192.168.7.2/24"))
	far := pair.Far.Avahi("envoy", service("envoy", first, "8.2.4264"))
	forger := pair.Far.StartSelf("TestForgerForANamespace", "FORGE=envoy-2 "+second+" 10.83.0.9")
	waitFor(t, func() bool {
		return strings.Contains(far.Output(), "Established under name 'envoy'") && strings.Contains(forger.Output(), "listening")
	})
	pair.Near.Rerun()
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not happen")
		case <-tick.C:
		}
	}
}
