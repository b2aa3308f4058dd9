package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"envoyd/internal/parts"
)

// allowed is the package map, from the top down: what of ours and of others
// each package of the product may import directly, besides the standard
// library. The arrows only point down.
var allowed = map[string][]string{
	"cmd/envoyd": {"app", "capture", "config", "fault", "reading", "secret", "status", "github.com/coreos/go-systemd/v22/daemon", "golang.org/x/term"},
	"app": {
		"atomicfile", "backoff", "capture", "cloud/budget", "cloud/enlighten", "cloud/grant", "collect", "config", "deliver", "derive", "discover", "entrez", "fallback", "fault", "gateway", "hostclock", "ledger", "live",
		"reading", "secret", "sink/influx", "sink/mqtt", "status", "store", "token", "trust", "web", "golang.org/x/sync/errgroup", "golang.org/x/sys/unix",
	},
	"config": {"secret", "gopkg.in/yaml.v3"},
	"web": {
		"live", "reading", "status",
		"github.com/prometheus/client_golang/prometheus",
		"github.com/prometheus/client_golang/prometheus/collectors",
		"github.com/prometheus/client_golang/prometheus/promhttp",
	},
	"collect": {
		"answer", "backoff", "derive", "fault", "firmware", "gateway", "hostclock", "ledger", "live", "reading", "status",
		"golang.org/x/sync/errgroup",
	},
	"fallback": {"atomicfile", "cloud/budget", "cloud/enlighten", "cloud/grant", "fault", "reading", "status"},
	"capture":  {"derive", "fault", "github.com/PuerkitoBio/goquery"},
	"deliver":  {"backoff", "fault", "reading"},
	"sink/mqtt": {
		"atomicfile", "backoff", "fault", "live", "reading", "secret", "status",
		"github.com/eclipse/paho.mqtt.golang", "github.com/eclipse/paho.mqtt.golang/packets", "github.com/gorilla/websocket",
	},
	"sink/influx": {
		"fault", "reading", "secret",
		"github.com/influxdata/influxdb-client-go/v2", "github.com/influxdata/influxdb-client-go/v2/api",
		"github.com/influxdata/influxdb-client-go/v2/api/write", "github.com/influxdata/influxdb-client-go/v2/log",
	},
	"cloud/enlighten": {"atomicfile", "cloud/budget", "cloud/grant", "cloud/host", "fault", "reading", "scalar", "secret", "status"},
	"cloud/grant": {
		"atomicfile", "cloud/filelock", "cloud/host", "fault", "secret", "status", "golang.org/x/oauth2",
	},
	"cloud/budget":   {"atomicfile", "cloud/filelock", "fault"},
	"cloud/filelock": {},
	"cloud/host":     {"fault"},
	"gateway":        {"fault", "firmware", "scalar", "secret", "trust"},
	"derive":         {"answer", "reading"},
	"answer":         {"reading", "scalar", "github.com/PuerkitoBio/goquery"},
	"ledger":         {"atomicfile", "reading"},
	"store":          {"fault", "reading", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
	"entrez":         {"cloud/host", "fault", "secret", "token", "github.com/PuerkitoBio/goquery"},
	"discover":       {"fault", "github.com/grandcat/zeroconf", "github.com/miekg/dns"},
	"token":          {"atomicfile", "fault", "secret", "status"},
	"trust":          {"atomicfile", "fault"},
	"live":           {"reading"},
	"hostclock":      {"golang.org/x/sys/unix"},
	"status":         {},
	"firmware":       {},
	"reading":        {},
	"scalar":         {},
	"fault":          {},
	"secret":         {},
	"backoff":        {},
	"atomicfile":     {},
}

// forTests are packages that no part of the product may reach, not even
// through others.
var forTests = []string{"sim", "sinktest", "nettest", "netnstest", "parts", "e2e", "arch"}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports"}, args...)...)
	cmd.Dir = parts.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "envoyd/"), "internal/")
}

func TestEachPackageImportsOnlyWhatTheMapAllows(t *testing.T) {
	all := list(t, "-deps", "./cmd/envoyd")
	standard := map[string]bool{"C": true}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range all {
		if !strings.HasPrefix(p.ImportPath, "envoyd/") {
			continue
		}
		may, known := allowed[short(p.ImportPath)]
		if !known {
			t.Errorf("%s is not in the package map", short(p.ImportPath))
		}
		for _, imported := range p.Imports {
			if !standard[imported] && !slices.Contains(may, short(imported)) {
				t.Errorf("%s imports %s, which the package map does not allow", short(p.ImportPath), short(imported))
			}
		}
	}
}

func TestTheProductReachesNothingThatIsForTests(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/envoyd") {
		for _, name := range forTests {
			if s := short(p.ImportPath); s == name || strings.HasPrefix(s, name+"/") {
				t.Errorf("the product contains %s", s)
			}
		}
		if p.ImportPath == "testing" {
			t.Error("the product contains the testing package")
		}
	}
}

// The top level is the owner's choice: nothing else may appear there.
func TestTopLevel(t *testing.T) {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = parts.Root(t)
	out, err := cmd.Output()
	if err != nil {
		parts.Missing(t, "not a git checkout")
	}
	want := []string{"cmd", "internal", "configs", "systemd", "scripts", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE"}
	for name := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(name), "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(want, top) {
			t.Errorf("%s does not belong at the top level", top)
		}
	}
}

// The house rules on size, which need no linter.
func TestFilesAreShort(t *testing.T) {
	root := parts.Root(t)
	for _, dir := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			if n := strings.Count(string(text), "\n"); n > 400 {
				t.Errorf("%s has %d lines", path, n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
