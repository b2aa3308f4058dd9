package announce_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/grandcat/zeroconf"

	"envoyd/internal/parts"
	"envoyd/internal/sim/announce"
)

func TestNothingIsAnnouncedOnARealNetwork(t *testing.T) {
	for _, address := range []string{"0.0.0.0:443", "192.168.1.5:443", "[::]:443"} {
		a, err := announce.Start(announce.Config{Address: address, Serial: "122333444555", Firmware: "8.2.4345"})
		if !errors.Is(err, announce.ErrRealNetwork) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			a.Close() //nolint:errcheck // only read
		}
	}
}

// namespaceEnv tells the test's own program that it runs in a namespace.
const namespaceEnv = "ENVOYSIM_TEST_NAMESPACE"

func TestAGatewayIsFoundInANamespaceOfItsOwn(t *testing.T) {
	if os.Getenv(namespaceEnv) != "" {
		find(t)
		return
	}
	unshare, ip := parts.Find(t, "unshare"), parts.Find(t, "ip")
	if exec.Command(unshare, "-n", "true").Run() != nil {
		parts.Missing(t, "no right to make a network namespace")
	}
	script := ip + " link set lo up && " + ip + " link add d0 type veth peer name d1 && " + ip + " link set d1 up && " + ip + " addr add 192.0.2.10/24 dev d0 && " +
		ip + " link set d0 up multicast on && exec \"$0\" -test.run '^TestAGatewayIsFoundInANamespaceOfItsOwn$' -test.v"
	cmd := exec.Command(unshare, "-n", "sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// find announces a gateway and looks for it.
func find(t *testing.T) {
	t.Helper()
	a, err := announce.Start(announce.Config{Address: "0.0.0.0:8443", Serial: "122333444555", Firmware: "8.2.4345"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // only read
	resolver, err := zeroconf.NewResolver()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	found := make(chan *zeroconf.ServiceEntry, 10)
	if err := resolver.Browse(ctx, "_enphase-envoy._tcp", "local.", found); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-found:
		if e == nil {
			t.Fatal("no gateway was found")
		}
		if e.Instance != "envoy" || e.Port != 8443 || !slices.Contains(e.Text, "serialnum=122333444555") ||
			!slices.Contains(e.Text, "protovers=8.2.4345") || len(e.AddrIPv4) != 1 || !e.AddrIPv4[0].Equal(net.IPv4(192, 0, 2, 10)) {
			t.Errorf("found %+v", e)
		}
	case <-ctx.Done():
		t.Error("nothing was found")
	}
}
