package discover_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grandcat/zeroconf"

	"envoyd/internal/discover"
	"envoyd/internal/fault"
)

// On loopback the only addresses that count are those of loopback, because it
// was named; everything else that a forger can think of must be dropped.
func onLoopback(wait time.Duration) discover.Config {
	return discover.Config{Interfaces: []string{"lo"}, Wait: wait}
}

func TestForgedAnswersAreDropped(t *testing.T) {
	const other = "122333444777"
	tests := []struct {
		name   string
		forged []forgery
		want   []string
	}{
		{"a good one", []forgery{claim("envoy", first, "127.0.0.5")}, []string{first + " envoy.local 8.2.4264 127.0.0.5"}},
		{"a public address", []forgery{claim("envoy", first, "203.0.113.7", "2001:db8::7", "2600::1")}, nil},
		{"a private address on no network of ours", []forgery{claim("envoy", first, "10.255.1.2", "fd99::1")}, nil},
		{"link-local addresses", []forgery{claim("envoy", first, "169.254.120.1", "fe80::1")}, nil},
		{"odd addresses", []forgery{claim("envoy", first, "0.0.0.0", "255.255.255.255", "224.0.0.251", "::")}, nil},
		{"the countable one among many", []forgery{claim("envoy", first, "203.0.113.7", "169.254.120.1", "127.0.0.6", "fe80::1")},
			[]string{first + " envoy.local 8.2.4264 127.0.0.6"}},
		{"IPv4 written as IPv6", []forgery{{instance: "envoy", text: []string{"serialnum=" + first}, v6: []string{"::ffff:203.0.113.7"}}}, nil},
		{"a serial with a path in it", []forgery{claim("envoy", "../../../../x", "127.0.0.5")}, nil},
		{"a serial of eleven digits", []forgery{claim("envoy", "12233344455", "127.0.0.5")}, nil},
		{"no serial", []forgery{{instance: "envoy", v4: []string{"127.0.0.5"}, text: []string{"protovers=8"}}}, nil},
		{"two hosts with one serial are both seen", []forgery{claim("envoy", first, "127.0.0.5"), claim("envoy-2", first, "127.0.0.6")},
			[]string{first + " envoy-2.local 8.2.4264 127.0.0.6", first + " envoy.local 8.2.4264 127.0.0.5"}},
		{"several gateways, in order", []forgery{claim("envoy-2", other, "127.0.0.6"), claim("envoy", first, "127.0.0.5", "127.0.0.4")},
			[]string{first + " envoy.local 8.2.4264 127.0.0.4,127.0.0.5", other + " envoy-2.local 8.2.4264 127.0.0.6"}},
		{"a forger who answers first hides nobody", []forgery{claim("envoy", first, "203.0.113.7"), claim("envoy", first, "127.0.0.5")},
			[]string{first + " envoy.local 8.2.4264 127.0.0.5"}},
		{"one instance name, two gateways", []forgery{claim("envoy", first, "127.0.0.5"), claim("envoy", other, "127.0.0.6")},
			[]string{first + " envoy.local 8.2.4264 127.0.0.5", other + " envoy.local 8.2.4264 127.0.0.6"}},
		{"a goodbye is no answer", []forgery{{instance: "envoy", bye: true, text: []string{"serialnum=" + first}, v4: []string{"127.0.0.5"}}}, nil},
		{"a host name that is none", []forgery{{instance: "envoy", host: `a\032\027[31mb.local.`, text: []string{"SerialNum=" + first}, v4: []string{"127.0.0.5"}}},
			[]string{first + "   127.0.0.5"}},
		{"a firmware that is none", []forgery{{instance: "envoy", text: []string{"serialnum=" + first, "protovers=\x1b[31m <b>"}, v4: []string{"127.0.0.5"}}},
			[]string{first + " envoy.local  127.0.0.5"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer forge(t, "lo", pack(t, tt.forged...)...)()
			list, err := discover.Find(t.Context(), onLoopback(400*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, found(list)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFloodIsBounded(t *testing.T) {
	var list []forgery
	for i := range 300 {
		f := claim(fmt.Sprintf("envoy-%d", i), fmt.Sprintf("%012d", i), "127.0.0.5")
		list = append(list, f)
	}
	many := claim("envoy-many", "000000000000")
	for i := range 60 {
		many.v4 = append(many.v4, fmt.Sprintf("127.0.1.%d", i))
	}
	defer forge(t, "lo", pack(t, append([]forgery{many}, list...)...)...)()
	got, err := discover.Find(t.Context(), onLoopback(time.Second))
	if err != nil || len(got) == 0 || len(got) > 64 {
		t.Fatalf("%d candidates, %v; want some, at most 64", len(got), err)
	}
	if n := len(got[0].Addresses); n > 8 {
		t.Errorf("%d addresses of one candidate", n)
	}
}

func TestGarbageIsSurvived(t *testing.T) {
	good := pack(t, claim("envoy", first, "127.0.0.5"))[0]
	packets := [][]byte{{}, {0}, make([]byte, 12), []byte(strings.Repeat("\xc0\x0c", 400)), good[:len(good)/2], good}
	defer forge(t, "lo", packets...)()
	list, err := discover.Find(t.Context(), onLoopback(400*time.Millisecond))
	if err != nil || len(list) != 1 {
		t.Errorf("heard %v, %v; want the one good answer", list, err)
	}
}

func TestSilenceIsAnEmptyList(t *testing.T) {
	began := time.Now()
	list, err := discover.Find(t.Context(), onLoopback(200*time.Millisecond))
	if err != nil || len(list) != 0 || list == nil {
		t.Errorf("heard %v, %v", list, err)
	}
	if time.Since(began) < 200*time.Millisecond {
		t.Error("it did not listen as long as asked")
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := discover.Find(ctx, onLoopback(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestInterfaceThatIsNotThere(t *testing.T) {
	_, err := discover.Find(t.Context(), discover.Config{Interfaces: []string{"lan99"}})
	if !errors.Is(err, discover.ErrNoInterface) || !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "lan99") || fault.Mend(err) == "" {
		t.Errorf("error %v", err)
	}
}

func TestDirectlyConnectedPrivateNetworksCount(t *testing.T) {
	got := discover.OurPrefixes("192.168.1.7/24", "10.1.2.3/8", "203.0.113.9/24", "169.254.3.4/16", "fe80::1/64", "fd00:1::5/64", "2001:db8::1/64", "100.64.1.1/10", "127.0.0.1/8")
	want := []netip.Prefix{
		netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("fd00:1::/64"), netip.MustParsePrefix("127.0.0.0/8"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInterfacesThatAreAskedOn(t *testing.T) {
	const up, multi = net.FlagUp, net.FlagMulticast
	tests := []struct {
		name           string
		flags          net.Flags
		itself, byName bool
	}{
		{"Ethernet", up | multi | net.FlagBroadcast, true, true},
		{"Ethernet that is down", multi | net.FlagBroadcast, false, false},
		{"loopback", up | net.FlagLoopback, false, true},
		{"a tunnel", up | multi | net.FlagPointToPoint, false, true},
		{"no multicast", up | net.FlagBroadcast, false, false},
	}
	for _, tt := range tests {
		if got := discover.Carries(tt.flags, false); got != tt.itself {
			t.Errorf("%s: asked on by itself: %v", tt.name, got)
		}
		if got := discover.Carries(tt.flags, true); got != tt.byName {
			t.Errorf("%s: asked on when named: %v", tt.name, got)
		}
	}
}

// Two hosts that both call themselves envoy, as after a badly merged network,
// and one host heard over two interfaces.
func TestRepeatedInstanceNamesAreKeptApartBySerial(t *testing.T) {
	entry := func(serial, host string, ip ...string) *zeroconf.ServiceEntry {
		e := zeroconf.NewServiceEntry("envoy", serviceType, "local")
		e.HostName, e.Text = host, []string{"serialnum=" + serial}
		for _, a := range ip {
			e.AddrIPv4 = append(e.AddrIPv4, net.ParseIP(a))
		}
		return e
	}
	got := discover.Collect([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		entry(second, "envoy.local.", "10.0.0.2"), entry(first, "envoy.local.", "10.0.0.1"),
		entry(first, "Envoy.local.", "10.0.0.3", "10.0.0.1"))
	want := []string{first + " envoy.local  10.0.0.1,10.0.0.3", second + " envoy.local  10.0.0.2"}
	if diff := cmp.Diff(want, found(got)); diff != "" {
		t.Error(diff)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add("serialnum=122333444555", "envoy.local.", []byte{10, 0, 0, 1})
	f.Add("serialnum=../x", "\x1b.local.", []byte{1})
	f.Fuzz(func(t *testing.T, text, host string, ip []byte) {
		prefix := netip.MustParsePrefix("10.0.0.0/8")
		e := zeroconf.NewServiceEntry("envoy", serviceType, "local")
		e.HostName, e.Text, e.AddrIPv4, e.AddrIPv6 = host, []string{text}, []net.IP{ip}, []net.IP{ip}
		for _, c := range discover.Collect([]netip.Prefix{prefix}, e) {
			if len(c.Serial) != 12 || len(c.Addresses) != 1 || !prefix.Contains(c.Addresses[0]) || strings.ContainsAny(c.Host+c.Firmware, "\x1b <>/\n") {
				t.Errorf("took %+v", c)
			}
		}
	})
}
