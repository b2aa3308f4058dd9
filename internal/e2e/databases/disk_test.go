package databases_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/parts"
	"envoyd/internal/status"
)

// disk mounts a small disk at the state folder; the function returned fills it
// and returns what makes room again.
func disk(t *testing.T, dir string) (fill func() (makeRoom func())) {
	t.Helper()
	if os.Getuid() != 0 {
		parts.Missing(t, "only root can mount")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", dir).CombinedOutput(); err != nil {
		parts.Missing(t, "cannot mount: "+string(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return func() func() { return ballast(t, dir) }
}

func ballast(t *testing.T, dir string) (remove func()) {
	t.Helper()
	file := filepath.Join(dir, "ballast")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it cannot be written to the end
	for zeros := make([]byte, 4096); err == nil; {
		_, err = f.Write(zeros)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// forget removes the history, which has its room already, and leaves the token,
// the key and what the counters have come to.
func forget(t *testing.T, dir string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if keep := e.Name(); !strings.HasPrefix(keep, "token") && keep != "gateways.json" && keep != "ledger.json" {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// On a full disk MQTT, the page and the database go on from memory, the health
// is red, and it recovers by itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	h := build(t, db, db.config())
	fill := disk(t, filepath.Join(h.Dir, "state"))
	t.Cleanup(h.StopDaemon) // before the disk goes
	h.StartDaemon()
	h.more(2)
	h.StopDaemon()
	forget(t, filepath.Join(h.Dir, "state"))
	makeRoom := fill()
	stopped := time.Now().Unix()
	h.Wait("the gateway's next measurement", func() bool { return time.Now().Unix() > stopped })
	h.StartDaemon()
	power := h.Subscribe("envoyd/+/power")
	h.Wait("the full disk to be said", func() bool {
		c := h.Condition("store")
		return c.State == status.Red && c.Message != "" && c.Mend != ""
	})
	h.Fresh()
	h.Wait("power at a subscriber", func() bool { return len(power.Numbers("/power", "production_w")) > 2 })
	h.Wait("power in the database", func() bool { return len(h.stored(t)) > 2 })
	makeRoom()
	h.Wait("the disk to be used again", func() bool { return h.Condition("store").State == status.Green })
	h.more(2)
	h.kill() // from here on nothing is lost any more
	h.StartDaemon()
	h.settle(t)
}
