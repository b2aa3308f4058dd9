// The service as a user gets it: installed by scripts/install.sh into a real
// Debian that is booted in a container of this test's own, with its own
// network, and then killed, stopped, starved of beats, reconfigured.
//
// It needs root, systemd-nspawn and debootstrap; `make parts` installs the
// latter two. The Debian is fetched once and kept in the user's cache folder.
package systemd_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// probeKey makes the test binary a program that tries what the sandbox of the
// service allows, and prints it.
const probeKey = "ENVOYD_TEST_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(probeKey) != "" {
		var t unix.Timex
		_, err := unix.Adjtimex(&t)
		fmt.Println("adjtimex:", err)
		t = unix.Timex{Modes: 1, Offset: 1}
		_, err = unix.Adjtimex(&t)
		fmt.Println("adjtimex to set:", err)
		_, err = os.ReadDir("/root")
		fmt.Println("root's home:", err)
		fmt.Println("etc:", os.WriteFile("/etc/envoyd-probe", nil, 0o600))
		return
	}
	os.Exit(m.Run())
}
