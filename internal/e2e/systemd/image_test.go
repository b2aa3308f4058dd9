package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"envoyd/internal/parts"
)

// image returns a folder with a small Debian of this machine's own release,
// made once with debootstrap and kept in the user's cache folder.
func image(t *testing.T) string {
	t.Helper()
	debootstrap := parts.Find(t, "debootstrap")
	mirror, release := source(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(cache, "envoyd-tests", release+"-systemd")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // moved away, or a leftover in the cache
	out, err := exec.CommandContext(t.Context(), debootstrap, "--variant=minbase",
		"--include=systemd,systemd-sysv", release, fresh, mirror).CombinedOutput()
	if err != nil {
		parts.Missing(t, fmt.Sprintf("no Debian to be had: %v: %s", err, tail(out)))
	}
	if err := os.Chmod(fresh, 0o755); err != nil { //nolint:gosec // the root folder of a system
		t.Fatal(err)
	}
	if err := os.Rename(fresh, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return dir
}

// source is where this machine gets its own packages from.
func source(t *testing.T) (mirror, release string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), parts.Find(t, "apt-get"), "indextargets",
		"--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages").Output()
	if err != nil {
		parts.Missing(t, "apt does not say where packages come from")
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == "main" && !strings.Contains(f[1], "-") {
			return f[0], f[1]
		}
	}
	parts.Missing(t, "apt has no main archive")
	return "", ""
}

func tail(out []byte) string { return string(out[max(0, len(out)-500):]) }

// programs builds envoyd and envoysim so that they run on any system.
func programs(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "./cmd/...")
	cmd.Dir = parts.Root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
}
