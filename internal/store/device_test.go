package store_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"envoyd/internal/parts"
	"envoyd/internal/store"
)

// mount mounts something at a new folder for the time of the test.
func mount(t testing.TB, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		parts.Missing(t, "only root can mount")
	}
	dir := t.TempDir()
	out, err := exec.Command("mount", append(args, dir)...).CombinedOutput()
	if err != nil {
		parts.Missing(t, "cannot mount: "+string(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// card is a loop-mounted ext4, as on a Pi's SD card.
func card(t testing.TB, size int64) (dir, device string) {
	t.Helper()
	if os.Getuid() != 0 {
		parts.Missing(t, "only root can mount")
	}
	image := filepath.Join(t.TempDir(), "card")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(size)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		parts.Missing(t, "no loop device: "+string(out))
	}
	device = strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	mkfs := parts.Find(t, "mkfs.ext4")
	if out, err := exec.Command(mkfs, "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", device).CombinedOutput(); err != nil {
		t.Fatalf("mkfs: %s", out)
	}
	return mount(t, "-o", "noatime", device), device
}

func written(t testing.TB, device string) float64 {
	t.Helper()
	b, err := os.ReadFile("/sys/block/" + filepath.Base(device) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	sectors, err := strconv.ParseFloat(strings.Fields(string(b))[6], 64)
	if err != nil {
		t.Fatal(err)
	}
	return sectors * 512
}

// BenchmarkBlockDevice measures what reaches the card in 100 s of one reading
// and one cursor move a second, and what it is in a day. The fold of an hour
// is added, 24 times.
func BenchmarkBlockDevice(b *testing.B) {
	for _, ram := range []string{"/dev/shm", "-"} {
		b.Run("ram="+strings.Trim(ram, "/"), func(b *testing.B) {
			dir, device := card(b, 256<<20)
			s := open(b, store.Config{Dir: filepath.Join(dir, "store"), RAM: ram})
			if err := s.Register("influx"); err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = s.Run(ctx) })
			h := newHome(time.Now())
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			second := func() {
				<-tick.C
				if err := s.Advance("influx", append1(b, s, h.next())); err != nil {
					b.Fatal(err)
				}
			}
			for range 20 { // the files are made
				second()
			}
			if err := exec.Command("sync", "-f", dir).Run(); err != nil {
				b.Fatal(err)
			}
			for range 15 { // ext4 has settled
				second()
			}
			const seconds = 98 // twenty syncs
			before := written(b, device)
			for range seconds {
				second()
			}
			steady := (written(b, device) - before) / seconds * 86400
			for range 3600 - 20 - 15 - seconds { // the rest of the hour, to be folded
				append1(b, s, h.next())
			}
			for range 12 { // it reaches the card, and ext4's journal
				<-tick.C
			}
			stop()
			wg.Wait()
			before = written(b, device)
			if err := s.Close(); err != nil { // folds
				b.Fatal(err)
			}
			if err := exec.Command("sync", "-f", dir).Run(); err != nil {
				b.Fatal(err)
			}
			fold := (written(b, device) - before) * 24
			b.ReportMetric(steady/1e6, "MB/day-journal")
			b.ReportMetric(fold/1e6, "MB/day-fold")
			b.ReportMetric((steady+fold)/1e6, "MB/day")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkBytesPerReading(b *testing.B) {
	const readings = 86400
	dir := b.TempDir()
	s := open(b, store.Config{Dir: dir})
	h := newHome(noon)
	for range readings {
		append1(b, s, h.next())
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(s.Size())/readings, "B/reading")
	b.ReportMetric(0, "ns/op")
}
