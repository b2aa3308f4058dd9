package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/store"
)

// running starts Run and returns what stops it.
func running(s *store.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func TestPowerCutCostsFiveSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, store.Config{Dir: dir, RAM: "/dev/shm"})
		if err := s.Register("influx"); err != nil {
			t.Fatal(err)
		}
		defer running(s)()
		h := newHome(noon)
		for n := range 100 {
			append1(t, s, h.next())
			time.Sleep(time.Second)
			if n%7 != 6 {
				continue
			}
			synctest.Wait()
			after := filepath.Join(t.TempDir(), "after") // the RAM disk does not live through it
			if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			cut := open(t, store.Config{Dir: after})
			if kept := cut.Backlog("influx"); kept < n+1-5 {
				t.Fatalf("after %d readings the card had %d", n+1, kept)
			}
			if err := cut.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestFullDiskGoesOnInMemoryAndComesBack(t *testing.T) {
	dir := mount(t, "-t", "tmpfs", "-o", "size=3m", "tmpfs")
	filler := filepath.Join(dir, "filler")
	s := open(t, store.Config{Dir: filepath.Join(dir, "store"), RAM: "/dev/shm"})
	if err := s.Register("influx"); err != nil {
		t.Fatal(err)
	}
	outage(t, s, func() {
		if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err != nil {
			_ = os.WriteFile(filler, nil, 0o600)
			out, err := exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=64k").CombinedOutput()
			if err == nil {
				t.Fatalf("the disk is not full: %s", out)
			}
		}
	}, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReadOnlyDiskGoesOnInMemoryAndComesBack(t *testing.T) {
	for _, ram := range []string{"-", "/dev/shm"} {
		t.Run("ram="+strings.Trim(ram, "/"), func(t *testing.T) {
			dir := mount(t, "-t", "tmpfs", "-o", "size=20m", "tmpfs")
			remount := func(mode string) {
				if out, err := exec.Command("mount", "-o", "remount,"+mode, dir).CombinedOutput(); err != nil {
					t.Fatalf("remount: %s", out)
				}
			}
			kept := fill(t, filepath.Join(dir, "store"), 10)
			remount("ro") // only while nothing is open for writing
			s := open(t, store.Config{Dir: filepath.Join(dir, "store"), RAM: ram})
			if err := s.Register("influx"); err != nil {
				t.Fatal(err)
			}
			defer running(s)()
			late := simple(noon.Add(time.Hour), 3)
			_, _ = s.Append(late)
			if batch, err := s.Next(t.Context(), "influx", 0); err != nil || len(batch) != 1 {
				t.Fatal(batch, err)
			}
			if ok, _, mend := s.Health(); ok || !strings.Contains(mend, "writable") {
				t.Fatal(ok, mend)
			}
			remount("rw")
			waitFor(t, func() bool { ok, _, _ := s.Health(); return ok })
			got := asJSON(t, drain(t, s, "influx")...)
			if want := asJSON(t, append(kept, late)...); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got %d readings, want %d", len(got), len(want))
			}
		})
	}
}

// outage makes the disk fail for a while, with readings before, during and
// after, and wants them all. Real mounts need real time: Run beats each 4.9 s.
func outage(t *testing.T, s *store.Store, fail, mend func()) {
	t.Helper()
	stop := running(s)
	defer stop()
	h := newHome(noon)
	var want []reading.Record
	some := func(n int) {
		for range n {
			rec := h.next()
			want = append(want, rec)
			_, _ = s.Append(rec) // in memory at least
		}
	}
	some(10)
	waitFor(t, func() bool { ok, _, _ := s.Health(); return ok && s.Size() > 1<<20 })
	fail()
	some(8000) // over the end of the segment
	waitFor(t, func() bool { ok, _, mend := s.Health(); return !ok && mend != "" })
	some(10)
	if n := len(asJSON(t, drain(t, s, "influx")...)); n != len(want) {
		t.Fatalf("a sink got %d of %d readings while the disk was away", n, len(want))
	}
	want = nil
	some(10)
	mend()
	waitFor(t, func() bool { ok, _, _ := s.Health(); return ok })
	some(10)
	if got := asJSON(t, drain(t, s, "influx")...); strings.Join(got, "\n") != strings.Join(asJSON(t, want...), "\n") {
		t.Errorf("got %d readings after the outage, want %d", len(got), len(want))
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

func TestMissingFolderIsTakenOverWhenItAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "store")
		before := fill(t, dir, 20)
		away := dir + ".away"
		if err := os.Rename(dir, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // not even root makes a folder of this
			t.Fatal(err)
		}
		s := open(t, store.Config{Dir: dir})
		if err := s.Register("influx"); err != nil {
			t.Fatal(err)
		}
		if ok, message, mend := s.Health(); ok || message == "" || mend == "" {
			t.Errorf("health is %v %q %q", ok, message, mend)
		}
		defer running(s)()
		during := simple(noon.Add(time.Hour), 1)
		_, _ = s.Append(during)
		if err := errors.Join(os.Remove(dir), os.Rename(away, dir)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if ok, message, _ := s.Health(); !ok {
			t.Fatal(message)
		}
		got := asJSON(t, drain(t, s, "influx")...)
		if want := asJSON(t, append(before, during)...); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %d readings, want %d", len(got), len(want))
		}
	})
}

func TestDatabaseInjuries(t *testing.T) {
	tests := map[string]func(t *testing.T, path string){
		"truncated": func(t *testing.T, path string) {
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		},
		"not a database": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 900)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, hurt := range tests {
		t.Run(name+" is set aside and filled again", func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, 120)
			hurt(t, filepath.Join(dir, "history.db"))
			s := open(t, store.Config{Dir: dir})
			if _, err := os.Stat(filepath.Join(dir, "history.db.damaged")); err != nil {
				t.Error(err)
			}
			if ok, message, _ := s.Health(); !ok || !strings.Contains(message, "set aside") {
				t.Errorf("health is %v %q", ok, message)
			}
			if n := s.Backlog("influx"); n != 120 {
				t.Errorf("backlog is %d", n)
			}
			series, err := s.History(t.Context(), store.Query{From: noon, To: noon.Add(time.Minute)})
			if err != nil || !series.Rows[0].Values[0].Known() {
				t.Errorf("history %v, %v", series, err)
			}
		})
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 1)
	db, err := sql.Open("sqlite", filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(store.Config{Dir: dir, RAM: "-"})
	if !errors.Is(err, store.ErrNewer) || fault.Mend(err) == "" {
		t.Errorf("err = %v", err)
	}
	lock, err := store.TryLock(dir)
	if err != nil {
		t.Fatalf("the refused store keeps its lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, store.Config{Dir: dir})
	_, err := store.Open(store.Config{Dir: dir, RAM: "-"})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "held by process") || fault.Mend(err) == "" {
		t.Errorf("err = %v", err)
	}
}
