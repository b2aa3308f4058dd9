package trust_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"envoyd/internal/fault"
	"envoyd/internal/trust"
)

const (
	serial = "122333444555"
	here   = "192.168.1.20"
)

var (
	shaA = strings.Repeat("a1", 32)
	shaB = strings.Repeat("b2", 32)
	june = time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
)

// key returns a key in a certificate that ends at notAfter.
func key(sha string, notAfter time.Time) trust.Key {
	return trust.Key{SHA256: sha, NotBefore: notAfter.AddDate(-1, 0, 0), NotAfter: notAfter}
}

func at(now time.Time) trust.Circumstances {
	return trust.Circumstances{Now: now, ClockTrusted: true}
}

// pinned returns a book that has kept key A, whose certificate ends in July.
func pinned(t *testing.T, dir string) *trust.Book {
	t.Helper()
	b := open(t, dir)
	present(t, b, shaA, here, at(june))
	return b
}

func open(t *testing.T, dir string) *trust.Book {
	t.Helper()
	b, err := trust.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func present(t *testing.T, b *trust.Book, sha, address string, c trust.Circumstances) {
	t.Helper()
	if err := b.Present(serial, address, key(sha, june.AddDate(0, 1, 0)), c); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func pins(b *trust.Book) []string {
	e, _ := b.Get(serial)
	var shas []string
	for _, p := range e.Pins {
		shas = append(shas, p.SHA256)
	}
	return shas
}

func TestAnotherKey(t *testing.T) {
	expired := june.AddDate(0, 2, 0) // A's certificate ended a month before
	tests := map[string]struct {
		address string
		c       trust.Circumstances
		passes  bool
	}{
		"passes when the certificate has expired and the key is silent": {here, at(expired), true},
		"refused before the certificate expires":                        {here, at(june.AddDate(0, 0, 20)), false},
		"refused at the very end of the certificate":                    {here, at(june.AddDate(0, 1, 0)), false},
		"refused without a trusted clock":                               {here, trust.Circumstances{Now: expired}, false},
		"refused at another address":                                    {"192.168.1.21", at(expired), false},
		"refused with another key configured": {here, trust.Circumstances{Now: expired, ClockTrusted: true,
			Configured: []string{shaA}}, false},
		"passes when configured": {"192.168.1.21", trust.Circumstances{Now: june, Configured: []string{"00", strings.ToUpper(shaB)}}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := pinned(t, t.TempDir())
			k := key(shaB, june.AddDate(2, 0, 0))
			err := b.Check(serial, tt.address, k, tt.c)
			if diff := cmp.Diff([]string{shaA}, pins(b)); diff != "" {
				t.Fatal("Check must remember nothing:", diff)
			}
			err2 := b.Present(serial, tt.address, k, tt.c)
			if (err == nil) != tt.passes || (err2 == nil) != tt.passes {
				t.Fatalf("Check: %v, Present: %v", err, err2)
			}
			want := []string{shaB}
			if !tt.passes {
				want = []string{shaA}
				if !fault.Is(err, fault.Security) || !errors.Is(err, trust.ErrOtherKey) {
					t.Errorf("not a refusal for another key: %v", err)
				}
			}
			if diff := cmp.Diff(want, pins(b)); diff != "" {
				t.Error("pins:", diff)
			}
		})
	}
}

func TestRefusalNamesKeysAddressesAndMend(t *testing.T) {
	b := pinned(t, t.TempDir())
	err := b.Present(serial, "192.168.1.66", key(shaB, june), at(june))
	for _, want := range []string{shaA, shaB, here, "192.168.1.66"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if want := "envoyd trust -gateway " + serial; !strings.Contains(fault.Mend(err), want) {
		t.Errorf("mend %q lacks %q", fault.Mend(err), want)
	}
}

func TestSilenceOfTheOldKey(t *testing.T) {
	expired := june.AddDate(0, 2, 0)
	tests := map[string]struct {
		silent   time.Duration
		reopened bool
		passes   bool
	}{
		"an hour is enough":                        {time.Hour, false, true},
		"a minute less is not":                     {59 * time.Minute, false, false},
		"the file may be ten minutes behind":       {time.Hour, true, false},
		"an hour and what the file may be behind":  {70 * time.Minute, true, true},
		"a clock that went back makes nobody late": {-time.Hour, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := pinned(t, dir)
			b.Seen(serial, shaA, expired)
			if tt.reopened {
				b = open(t, dir)
			}
			err := b.Present(serial, here, key(shaB, expired.AddDate(1, 0, 0)), at(expired.Add(tt.silent)))
			if (err == nil) != tt.passes {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSameKeyInANewCertificate(t *testing.T) {
	b := pinned(t, t.TempDir())
	later := june.AddDate(5, 0, 0)
	if err := b.Present(serial, "10.0.0.9", key(shaA, later), trust.Circumstances{Now: june}); err != nil {
		t.Fatal(err)
	}
	e, _ := b.Get(serial)
	want := []trust.Pin{{SHA256: shaA, NotAfter: later, LastSeen: june, Address: "10.0.0.9"}}
	if diff := cmp.Diff(want, e.Pins); diff != "" {
		t.Error(diff)
	}
}

func TestConfiguredPinsReplaceTheRemembered(t *testing.T) {
	b := pinned(t, t.TempDir())
	present(t, b, shaB, here, trust.Circumstances{Now: june, Configured: []string{shaB}})
	if diff := cmp.Diff([]string{shaB}, pins(b)); diff != "" {
		t.Error(diff)
	}
	err := b.Check(serial, here, key(shaA, june), trust.Circumstances{Now: june, Configured: []string{shaB}})
	if !strings.Contains(fault.Mend(err), "certificate") {
		t.Errorf("the mend must point at the configuration: %v / %s", err, fault.Mend(err))
	}
}

func TestNoKeyIsRefused(t *testing.T) {
	b := trust.Memory()
	if err := b.Check(serial, here, trust.Key{}, at(june)); !errors.Is(err, trust.ErrNoKey) {
		t.Error(err)
	}
	if err := b.Repin(serial, trust.Key{}, here); !errors.Is(err, trust.ErrNoKey) {
		t.Error(err)
	}
}

func TestSerialsThatAreNone(t *testing.T) {
	b := trust.Memory()
	for _, s := range []string{"", "12233344455", "1223334445556", "12233344455x", "../../../etc", "122333444555/../x", "１２２３３３４４４５５５"} {
		if trust.CheckSerial(s) == nil || b.Present(s, here, key(shaA, june), at(june)) == nil || b.Update(s, func(*trust.Entry) {}) == nil {
			t.Errorf("%q taken for a serial", s)
		}
	}
	if len(b.All()) != 0 {
		t.Error("an entry was made for a serial that is none")
	}
}

func TestFileIsKept(t *testing.T) {
	dir := t.TempDir()
	b := pinned(t, dir)
	if err := b.Update(serial, func(e *trust.Entry) { e.Firmware, e.Adopted, e.Address = "8.2.4345", true, here }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "gateways.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	again := open(t, dir)
	if diff := cmp.Diff(b.All(), again.All()); diff != "" {
		t.Error(diff)
	}
	if e, _ := again.Get(serial); !e.HTTPS {
		t.Error("a gateway that showed a key must be remembered as one with HTTPS")
	}
}

func TestCallersCannotReachInside(t *testing.T) {
	b := pinned(t, t.TempDir())
	e, _ := b.Get(serial)
	e.Pins[0].SHA256 = shaB
	b.All()[0].Pins[0].SHA256 = shaB
	if diff := cmp.Diff([]string{shaA}, pins(b)); diff != "" {
		t.Error(diff)
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, content := range map[string]string{
		"cut off":      `{"version":1,"gateways":[{"ser`,
		"no pin":       `{"version":1,"gateways":[{"serial":"122333444555","pins":[{"sha256":"zz"}]}]}`,
		"odd serial":   `{"version":1,"gateways":[{"serial":"../x"}]}`,
		"empty":        ``,
		"another file": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "gateways.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			b := open(t, dir)
			if b.Damaged() != path+".damaged" || len(b.All()) != 0 {
				t.Errorf("damaged %q, %d entries", b.Damaged(), len(b.All()))
			}
			if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != content {
				t.Errorf("not kept: %q, %v", kept, err)
			}
			present(t, b, shaA, here, at(june))
		})
	}
}

func TestNewerFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateways.json")
	if err := os.WriteFile(path, []byte(`{"version":2,"gateways":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Open(dir); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the newer file must stay:", err)
	}
}

func TestSeenWritesSeldom(t *testing.T) {
	dir := t.TempDir()
	b := pinned(t, dir)
	path := filepath.Join(dir, "gateways.json")
	read := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := read()
	b.Seen(serial, shaA, june.Add(9*time.Minute))
	if read() != before {
		t.Error("written within ten minutes")
	}
	b.Seen(serial, shaA, june.Add(10*time.Minute))
	if !strings.Contains(read(), "10:10:00") {
		t.Error("not written after ten minutes")
	}
	b.Seen(serial, shaA, june.Add(11*time.Minute))
	if err := b.Save(); err != nil || !strings.Contains(read(), "10:11:00") {
		t.Error("not written at the end:", err)
	}
	b.Seen(serial, shaB, june.Add(30*time.Minute))
	if diff := cmp.Diff([]string{shaA}, pins(b)); diff != "" {
		t.Error("a key that was not pinned must not be noted:", diff)
	}
}

func TestUnwritableFolderKeepsThePinInMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	present(t, b, shaA, here, at(june))
	if b.Err() == nil {
		t.Error("the failed write is not told")
	}
	if err := b.Check(serial, here, key(shaB, june), at(june)); !errors.Is(err, trust.ErrOtherKey) {
		t.Error("the pin must hold in memory:", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Save(); err != nil || b.Err() != nil {
		t.Error(err, b.Err())
	}
}

func TestRepin(t *testing.T) {
	b := pinned(t, t.TempDir())
	if err := b.Repin(serial, key(shaB, june), here); err != nil {
		t.Fatal(err)
	}
	present(t, b, shaB, here, at(june))
	if err := b.Check(serial, here, key(shaA, june), at(june)); err == nil {
		t.Error("the old key still passes")
	}
}

func TestFirstUse(t *testing.T) {
	a, b := key(shaA, june), key(shaB, june)
	tests := map[string]struct {
		candidates []trust.Candidate
		refused    bool
	}{
		"nobody":                      {nil, false},
		"one gateway, two addresses":  {[]trust.Candidate{{serial, here, a}, {serial, "10.0.0.2", a}}, false},
		"two gateways":                {[]trust.Candidate{{serial, here, a}, {"122333444556", "10.0.0.2", b}}, false},
		"two keys for one serial":     {[]trust.Candidate{{serial, here, a}, {serial, "10.0.0.2", b}}, true},
		"a key and none":              {[]trust.Candidate{{serial, here, trust.Key{}}, {serial, "10.0.0.2", b}}, true},
		"two addresses by plain HTTP": {[]trust.Candidate{{serial, here, trust.Key{}}, {serial, "10.0.0.2", trust.Key{}}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := trust.FirstUse(tt.candidates)
			if (err != nil) != tt.refused {
				t.Fatal(err)
			}
			if err != nil && (!fault.Is(err, fault.Security) || !errors.Is(err, trust.ErrTwoKeys) ||
				!strings.Contains(err.Error(), here) || !strings.Contains(err.Error(), "10.0.0.2")) {
				t.Errorf("must be a security fault naming both addresses: %v", err)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	b := pinned(t, t.TempDir())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				_ = b.Present(serial, here, key(shaA, june.AddDate(0, 1, 0)), at(june))
				_ = b.Present(serial, here, key(shaB, june), at(june))
				b.Seen(serial, shaA, june)
				_ = b.Update(serial, func(e *trust.Entry) { e.Firmware = "8" })
				b.Get(serial)
				b.All()
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff([]string{shaA}, pins(b)); diff != "" {
		t.Error(diff)
	}
}

func TestParsePin(t *testing.T) {
	for _, good := range []string{shaA, strings.ToUpper(shaA), "sha256:" + shaA, strings.TrimSuffix(strings.Repeat("A1:", 32), ":")} {
		if p, err := trust.ParsePin(good); err != nil || p != shaA {
			t.Errorf("%q: %q, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", "a1", shaA + "00", strings.Repeat("zz", 32)} {
		if p, err := trust.ParsePin(bad); err == nil {
			t.Errorf("%q taken as %q", bad, p)
		}
	}
}
