package discovery_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/netnstest"
	"envoyd/internal/sim/account"
	"envoyd/internal/status"
	"envoyd/internal/trust"
)

func TestTwoKeysForOneSerialAreRefused(t *testing.T) {
	for name, configured := range map[string]bool{"adopting": false, "configured": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "")
			w.Far.Readdress(netnstest.FarAddress, netip.MustParsePrefix("10.83.0.3/24"))
			both, token := w.gateways("10.83.0.2:443/"+first+"/envoy", "10.83.0.3:443/"+first+"/envoy-2")
			conditions := []string{"discovery"}
			if configured {
				w.configure("gateways: [{serial: \"" + first + "\", token: " + token + "}]\n")
				conditions = []string{"trust/" + first, "gateway/" + first}
			}
			w.start()
			for _, condition := range conditions {
				w.wait(condition+" to name both addresses", func() bool {
					c := w.condition(condition)
					return c.State == status.Red && strings.Contains(c.Message, "10.83.0.2 ") && strings.Contains(c.Message, "10.83.0.3 ") && c.Mend != ""
				})
			}
			if out, code := w.command(token, "read"); code != 1 {
				t.Errorf("read ends with %d: %s", code, out)
			}
			w.stop()
			if out, code := w.command("", "read", "-direct"); code != 1 || !strings.Contains(w.said, "10.83.0.2 ") || !strings.Contains(w.said, "10.83.0.3 ") {
				t.Errorf("read -direct ends with %d: %s%s", code, out, w.said)
			}
			book, err := trust.Open(filepath.Join(w.dir, "state"))
			if err != nil {
				t.Fatal(err)
			}
			if e, _ := book.Get(first); len(e.Pins) > 0 || e.Adopted {
				t.Errorf("one of the two is remembered: %+v", e)
			}
			if strings.Contains(both.Output(), "a login came") {
				t.Error("one of the two got a login")
			}
		})
	}
}

// A proxy on this machine would not be asked for loopback addresses in any
// case: only in a network of its own it can be seen that none is used.
func TestNoProxyIsUsedForTheGateway(t *testing.T) {
	w := newWorld(t, "")
	_, token := w.gateways("0.0.0.0:443/" + first)
	proxy := w.door(w.Far, "3128")
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"} {
		w.env = append(w.env, name+"=http://10.83.0.2:3128")
	}
	w.env = append(w.env, "NO_PROXY=", "no_proxy=")
	w.configure("gateways: [{serial: \"" + first + "\", address: 10.83.0.2, token: " + token + ", password: " + account.Password + "}]\n")
	w.start()
	w.fresh()
	w.stop()
	for _, c := range [][]string{{"read", "-direct"}, {"token", "set"}, {"trust"}} {
		if out, code := w.command(token, c...); code != 0 {
			t.Errorf("%v ends with %d: %s", c, code, out)
		}
	}
	if strings.Contains(proxy.Output(), "a knock") {
		t.Errorf("the proxy was asked:\n%s", proxy.Output())
	}
}
