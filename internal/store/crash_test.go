package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/reading"
	"envoyd/internal/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_CHILD"); dir != "" {
		child(dir, os.Getenv("STORE_TEST_RAM"))
		return
	}
	goleak.VerifyTestMain(m)
}

// child appends as fast as it can and says the number of each reading that
// was kept, until it is killed.
func child(dir, ram string) {
	s, err := store.Open(store.Config{Dir: dir, RAM: ram})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	if err := s.Register("influx"); err != nil {
		fmt.Println("error", err)
		return
	}
	go func() { _ = s.Run(context.Background()) }()
	h := newHome(time.Now().Truncate(time.Second))
	for i := 0; ; i++ {
		rec := h.next()
		seq, err := s.Append(rec)
		fmt.Println(seq, rec.Time.Unix(), err)
		if i%50 == 0 {
			if err := s.Advance("influx", seq-min(seq, 10)); err == nil {
				fmt.Println("cursor", seq-min(seq, 10))
			}
		}
	}
}

func TestSIGKILLCostsNoReading(t *testing.T) {
	for _, ram := range []string{"-", "/dev/shm"} {
		t.Run("ram="+strings.Trim(ram, "/"), func(t *testing.T) {
			dir := t.TempDir()
			kept := map[uint64]int64{}
			cursor := uint64(0)
			for round := range 6 {
				cursor = max(cursor, killedRun(t, dir, ram, kept, time.Duration(200+rand.IntN(400))*time.Millisecond))
				cursor = verify(t, dir, ram, kept, cursor, round)
			}
		})
	}
}

// killedRun lets a child append for a while, kills it, and notes what it said
// was kept.
func killedRun(t *testing.T, dir, ram string, kept map[uint64]int64, life time.Duration) (cursor uint64) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+dir, "STORE_TEST_RAM="+ram)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if f[0] == "cursor" && len(f) == 2 {
			cursor, _ = strconv.ParseUint(f[1], 10, 64)
			continue
		}
		if len(f) != 3 { // torn by the kill
			continue
		}
		if f[2] != "<nil>" {
			t.Fatal(lines.Text())
		}
		seq, err1 := strconv.ParseUint(f[0], 10, 64)
		at, err2 := strconv.ParseInt(f[1], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(lines.Text())
		}
		if _, doubled := kept[seq]; doubled {
			t.Fatalf("sequence %d was given twice", seq)
		}
		kept[seq] = at
	}
	_ = cmd.Wait() // killed
	return cursor
}

// verify takes all the queue has, and returns how far it reached.
func verify(t *testing.T, dir, ram string, kept map[uint64]int64, cursor uint64, round int) uint64 {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, RAM: ram})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the next round opens it again
	all := drain(t, s, "influx")
	if len(all) == 0 { // the child did not live long enough
		if _, lost := kept[cursor+1]; lost {
			t.Fatalf("reading %d is lost in round %d", cursor+1, round)
		}
		return cursor
	}
	if all[0].Seq > cursor+1 {
		t.Fatalf("the queue begins at %d, the sink had %d", all[0].Seq, cursor)
	}
	got := map[uint64]int64{}
	for i, rec := range all {
		if i > 0 && rec.Seq != all[i-1].Seq+1 {
			t.Fatalf("%d follows %d", rec.Seq, all[i-1].Seq)
		}
		got[rec.Seq] = rec.Time.Unix()
	}
	for seq, at := range kept {
		if seq >= all[0].Seq && got[seq] != at {
			t.Fatalf("reading %d is lost in round %d (%d of %d)", seq, round, len(got), len(kept))
		}
	}
	return all[len(all)-1].Seq
}

// newestSegment is the file being written.
func newestSegment(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "raw-*.seg"))
	if err != nil || len(found) == 0 {
		t.Fatal("no segment", err)
	}
	return found[len(found)-1]
}

// fill keeps n readings in dir.
func fill(t *testing.T, dir string, n int) []reading.Record {
	t.Helper()
	s := open(t, store.Config{Dir: dir})
	if err := s.Register("influx"); err != nil {
		t.Fatal(err)
	}
	h := newHome(noon)
	var all []reading.Record
	for range n {
		all = append(all, h.next())
		append1(t, s, all[len(all)-1])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDamageCostsOnlyWhatItHit(t *testing.T) {
	const n = 300
	tests := map[string]struct {
		hurt  func(b []byte) []byte
		least int // readings that must be left
	}{
		"torn tail":        {func(b []byte) []byte { return zeroFrom(b, used(b)-40) }, n - 1},
		"tail of zeros":    {func(b []byte) []byte { return zeroFrom(b, used(b)-600) }, n - 6},
		"file cut short":   {func(b []byte) []byte { return b[:used(b)/2] }, n/2 - 20},
		"one bit flipped":  {func(b []byte) []byte { b[used(b)*3/4] ^= 4; return b }, n*3/4 - 20},
		"garbage appended": {func(b []byte) []byte { copy(b[used(b):], "\x20garbage garbage garbage garbage"); return b }, n},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := asJSON(t, fill(t, dir, n)...)
			// The database would know how far the sequence went: a power cut
			// takes it back together with the segment.
			for _, f := range []string{"history.db", "history.db-journal"} {
				_ = os.Remove(filepath.Join(dir, f))
			}
			path := newestSegment(t, dir)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tt.hurt(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, store.Config{Dir: dir})
			left := s.Backlog("influx")
			if left < tt.least || left > n {
				t.Fatalf("%d readings are left, want at least %d", left, tt.least)
			}
			late := simple(noon.Add(time.Hour), 7)
			append1(t, s, late)
			got := asJSON(t, drain(t, s, "influx")...)
			wanted := append(append([]string(nil), want[:left]...), asJSON(t, late)...)
			if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
				t.Errorf("got %d readings, want %d", len(got), len(wanted))
			}
		})
	}
}

func used(b []byte) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] != 0 {
			return i
		}
	}
	return 0
}

func zeroFrom(b []byte, at int) []byte {
	clear(b[at:])
	return b
}
