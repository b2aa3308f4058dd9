// Package parts finds the real programs that tests run against: Mosquitto,
// InfluxDB, Chromium, avahi, qemu. `make parts` installs them. A part that is
// missing skips its tests in one visible line; with CI=true it fails them, so
// that nothing is ever thought tested that was not.
package parts

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Find returns the path of the program called name: from the project's parts
// folder, the PATH, or the sbin folders that Debian keeps from ordinary users.
func Find(t testing.TB, name string) string {
	t.Helper()
	candidates := []string{filepath.Join(Root(t), "parts", "bin", name), name}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		candidates = append(candidates, filepath.Join(dir, name))
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	Missing(t, name+" is not installed (make parts installs it)")
	return ""
}

// Missing ends the test: skipped where a developer has not installed a part,
// failed with CI=true.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Root returns the top folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}

// Captures returns the folder with the recorded answers of real gateways,
// which lies beside the repository and is never part of it.
func Captures(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(Root(t), "..", "shared", "captures")
	if _, err := os.Stat(dir); err != nil {
		Missing(t, "no recorded gateways beside the repository")
	}
	return dir
}
