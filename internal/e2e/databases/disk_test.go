package databases_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"envoyd/internal/parts"
	"envoyd/internal/status"
)

// full mounts a small disk at the state folder and fills it; the function
// returned makes room.
func full(t *testing.T, dir string) (makeRoom func()) {
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
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it cannot be written to the end
	for zeros := make([]byte, 4096); err == nil; {
		_, err = f.Write(zeros)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// On a full disk MQTT, the page and the database go on from memory, the health
// is red, and it recovers by itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	db := newDouble(t)
	h := build(t, db, db.config())
	makeRoom := full(t, filepath.Join(h.Dir, "state"))
	t.Cleanup(h.StopDaemon) // before the disk goes
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
