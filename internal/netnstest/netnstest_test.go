package netnstest_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSpeaker is no test but a program that the next one starts.
func TestSpeaker(t *testing.T) {
	if !netnstest.Inside() {
		return // started as a test of its own
	}
	l, err := net.Listen("tcp", ":7777")
	if err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
}

func TestTheTwoNamespacesReachEachOther(t *testing.T) {
	if netnstest.Inside() {
		deadline := time.Now().Add(10 * time.Second)
		for {
			conn, err := net.DialTimeout("tcp", "10.83.0.9:7777", time.Second)
			if err == nil {
				_ = conn.Close()
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	pair := netnstest.New(t)
	pair.Far.Readdress(netip.MustParsePrefix("10.83.0.9/24"))
	speaker := pair.Far.StartSelf("TestSpeaker")
	pair.Near.Rerun()
	pair.Near.Cable(false)
	if out := pair.Near.Run("ip", "link", "show", netnstest.Link); strings.Contains(out, "LOWER_UP") {
		t.Errorf("the cable is still in: %s", out)
	}
	speaker.Stop()
	select {
	case <-speaker.Ended():
	default:
		t.Error("stopped, but not ended")
	}
}
