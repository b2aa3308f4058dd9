package systemd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"envoyd/internal/parts"
)

const unitName = "envoyd.service"

// unit writes the unit to a folder of its own, with a program that exists
// here, and returns its path.
func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts.Root(t), "systemd", unitName))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	moved := bytes.ReplaceAll(text, []byte("/usr/local/bin/envoyd"), []byte(self))
	if bytes.Equal(moved, text) {
		t.Fatal("the unit does not start /usr/local/bin/envoyd")
	}
	path := filepath.Join(t.TempDir(), unitName)
	if err := os.WriteFile(path, moved, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Unknown keys are no error to systemd, only words: any word is one to us.
func TestTheUnitIsUnderstoodWhole(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), parts.Find(t, "systemd-analyze"), "verify", unit(t)).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// The threshold is in tenths: exposure 2.0 of 10.
func TestTheServiceMayDoLittle(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), parts.Find(t, "systemd-analyze"),
		"security", "--offline=yes", "--no-pager", "--threshold=20", unit(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
