package capture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/capture"
	"envoyd/internal/config"
	"envoyd/internal/gateway"
	"envoyd/internal/parts"
	"envoyd/internal/secret"
	"envoyd/internal/sim"
	"envoyd/internal/sim/fault"

	"github.com/google/go-cmp/cmp"
)

// asker records over a client, as the product does.
type asker struct{ client *gateway.Client }

func (a asker) Record(ctx context.Context, path string, slow bool) (capture.Raw, error) {
	r, err := a.client.Record(ctx, path, slow)
	return capture.Raw{Status: r.Status, Header: r.Header, Body: r.Body}, err
}

func start(t *testing.T, cfg sim.Config) *sim.Sim {
	t.Helper()
	s, err := sim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// record records a simulated gateway into a folder.
func record(t *testing.T, s *sim.Sim) (capture.Recording, string) {
	t.Helper()
	id := s.Identity()
	token := secret.Text{}
	if id.Tokens() {
		token = secret.New(s.Token())
	}
	client := gateway.New(gateway.Config{Serial: id.Serial, Token: func() secret.Text { return token }})
	defer client.Close()
	if _, err := client.Connect(t.Context(), s.Gateway.Addr()); err != nil {
		t.Fatal(err)
	}
	rec, err := capture.Record(t.Context(), capture.Config{Asker: asker{client}, Firmware: id.Firmware, Pause: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Silent) > 0 {
		t.Errorf("silent: %+v", rec.Silent)
	}
	dir := filepath.Join(t.TempDir(), "recording")
	if err := rec.Write(dir); err != nil {
		t.Fatal(err)
	}
	return rec, dir
}

// read is what `envoyd read -json -direct` does with a simulated gateway, in a
// form that can be compared: without serial numbers and times.
func read(t *testing.T, s *sim.Sim) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("gateways:\n  - serial: %q\n    name: Home\n    address: %q\n", s.Identity().Serial, s.Gateway.Addr())
	if s.Identity().Tokens() {
		write(t, filepath.Join(dir, "token"), s.Token())
		text += "    token_file: " + filepath.Join(dir, "token") + "\n"
	}
	text += "store:\n  path: " + filepath.Join(dir, "state") + "\n"
	write(t, filepath.Join(dir, "envoyd.yaml"), text)
	cfg, err := config.Load(filepath.Join(dir, "envoyd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := app.OpenDirect(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // the folder goes anyhow
	results, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Err != nil {
		return "error: " + strings.ReplaceAll(results[0].Err.Error(), s.Identity().Serial, "SERIAL")
	}
	out, err := json.Marshal(results[0].Reading)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	plain, err := json.MarshalIndent(comparable(doc), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(plain) + "\n" + strings.Join(results[0].Plan.Lines(), "\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// comparable leaves out who and when, and sorts lists of devices, whose order
// was that of their serial numbers.
func comparable(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"gateway", "serial", "time"} {
			delete(v, key)
		}
		for key := range v {
			v[key] = comparable(v[key])
		}
	case []any:
		for i := range v {
			v[i] = comparable(v[i])
		}
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// sameAgain records a gateway and checks that the recording reads the same.
func sameAgain(t *testing.T, s *sim.Sim) {
	t.Helper()
	want := read(t, s)
	_, dir := record(t, s)
	replayed := start(t, sim.Config{Capture: dir})
	if got := read(t, replayed); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if replayed.Identity().Serial == s.Identity().Serial {
		t.Error("the recording has the gateway's serial number")
	}
	if strings.HasPrefix(want, "error") {
		t.Log(want)
	}
}

func TestEveryCaptureReadsTheSame(t *testing.T) {
	root := parts.Captures(t)
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() {
			t.Run(f.Name(), func(t *testing.T) {
				t.Parallel()
				sameAgain(t, start(t, sim.Config{Capture: filepath.Join(root, f.Name())}))
			})
		}
	}
}

var longNumber = regexp.MustCompile(`[0-9]{3}`)

// A report needs the names of the fields: all that were ever recorded pass.
func TestEveryRecordedNamePasses(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(parts.Captures(t), "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings: ", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		var doc any
		if err != nil || strings.HasSuffix(name, "_log.json") || json.Unmarshal(body, &doc) != nil {
			continue
		}
		s := capture.NewScrubber(time.Now())
		s.File("/x", capture.Raw{Status: 200, Body: body})
		kept := s.Names()
		for field := range fieldsOf(doc) {
			if !longNumber.MatchString(field) && !slices.Contains(kept, field) {
				t.Errorf("%s: the name %s does not pass", filepath.Base(name), field)
			}
		}
	}
}

// fieldsOf returns every name in a document.
func fieldsOf(v any) map[string]bool {
	all := map[string]bool{}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			all[name] = true
			maps.Copy(all, fieldsOf(inner))
		}
	case []any:
		for _, inner := range v {
			maps.Copy(all, fieldsOf(inner))
		}
	}
	return all
}

func TestEveryModelledHomeReadsTheSame(t *testing.T) {
	for _, preset := range sim.Presets() {
		t.Run(preset.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, sim.Config{Preset: preset})
			s.Fault(fault.Freeze, fault.Options{For: time.Hour}) // the home lives on meanwhile
			sameAgain(t, s)
		})
	}
}
