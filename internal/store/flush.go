package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// memoryMax bounds the frames in memory while the disk cannot be written:
// some 8,000 metered readings. memorySegment is how large segments become
// meanwhile, so that the oldest part can go.
const (
	memoryMax     = 3 << 19
	memorySegment = 256 << 10
)

// room is how large the current segment may become.
func (s *Store) room() int64 {
	if s.failure != nil {
		return memorySegment
	}
	return segmentSize
}

// hand gives the frames of this moment to the operating system: to the RAM
// disk, or without one to the page cache of the card's file. The caller holds
// mu.
func (s *Store) hand() error {
	j := &s.journal
	if j.spools[0] != nil {
		err := j.spools[j.spool].append(j.framed)
		j.framed = j.framed[:0]
		s.bound()
		if err == nil {
			return nil
		}
		if errors.Is(err, errSpool) && s.failure != nil {
			return fmt.Errorf("keeping a reading: %w", errors.Join(err, s.failure))
		}
		s.log.Warn("store does without a RAM disk, the card is written more often", "error", err)
		if err := j.closeSpools(); err != nil {
			s.log.Warn("spool not closed", "error", err)
		}
	}
	s.bound()
	if s.failure != nil {
		return s.failure // the next flush tries again
	}
	jobs := j.jobs(s.cfg.Dir)
	if err := s.write(jobs, false); err != nil {
		s.settle(err)
		return fmt.Errorf("keeping a reading: %w", err)
	}
	j.wrote(jobs)
	return nil
}

// bound drops the oldest readings that are in memory only when they become
// too many.
func (s *Store) bound() {
	if s.failure == nil {
		return
	}
	j := &s.journal
	total := 0
	for _, seg := range j.segs {
		total += len(seg.tail)
	}
	for i := 0; total > memoryMax && i < len(j.segs)-1; {
		seg := j.segs[i]
		if seg.path != "" {
			i++
			continue
		}
		total -= len(seg.tail)
		s.forget(seg)
	}
}

// forget takes a segment out of the journal and counts what somebody still
// wanted.
func (s *Store) forget(seg *segment) {
	for i, other := range s.journal.segs {
		if other == seg {
			s.journal.segs = append(s.journal.segs[:i:i], s.journal.segs[i+1:]...)
		}
	}
	if taken := s.taken(); seg.next() > taken+1 {
		s.dropped += seg.next() - max(seg.first, taken+1)
	}
}

// A job is what is to be written of a segment.
type job struct {
	seg    *segment
	path   string
	attach bool   // the file must be made
	size   int64  // of it
	header []byte // nil if it need not be written
	final  bool   // header is that of a sealed segment
	at     int64  // where data goes: a sector's start
	data   []byte
	end    int64
}

func (j *journal) jobs(dir string) []job {
	var jobs []job
	for _, seg := range j.segs {
		b := job{seg: seg, path: seg.path, at: seg.tailStart(), data: seg.tail, end: seg.end}
		b.attach = seg.path == ""
		b.final = seg.sealed && !seg.headerDone
		if seg.end == seg.base && !b.final || b.attach && seg.end == headerSize {
			continue
		}
		if b.attach {
			b.path = filepath.Join(dir, segmentName(seg.first))
			b.size = segmentSize
			if seg.sealed { // in memory, and smaller
				b.size = (seg.end + pageSize - 1) &^ (pageSize - 1)
			}
		}
		if b.attach || b.final {
			b.header = seg.header()
		}
		jobs = append(jobs, b)
	}
	return jobs
}

// wrote notes that the jobs are done.
func (j *journal) wrote(jobs []job) {
	for _, b := range jobs {
		seg := b.seg
		old := seg.tailStart()
		seg.path, seg.base = b.path, b.end
		seg.headerDone = seg.headerDone || b.final
		seg.tail = append([]byte(nil), seg.tail[seg.tailStart()-old:]...)
		seg.dirty = true
	}
}

// write does the jobs. With direct it goes past the page cache, sector by
// sector: the card then gets 1.5 KiB for five readings instead of whole pages.
func (s *Store) write(jobs []job, direct bool) error {
	for _, b := range jobs {
		if b.attach {
			if err := s.attach(b.path, b.size, direct); err != nil {
				return err
			}
		}
		if err := b.write(direct); err != nil {
			return fmt.Errorf("writing the store: %w", err)
		}
	}
	return nil
}

func (b job) write(direct bool) (err error) {
	flags := os.O_WRONLY
	if direct {
		flags |= syscall.O_DIRECT
	}
	f, err := os.OpenFile(b.path, flags, 0)
	if direct && errors.Is(err, syscall.EINVAL) { // this file system cannot
		f, err = os.OpenFile(b.path, os.O_WRONLY, 0)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := writeSectors(f, b.at, b.data); err != nil {
		return err
	}
	if b.header != nil {
		if err := writeSectors(f, 0, b.header); err != nil {
			return err
		}
	}
	if direct {
		return syscall.Fdatasync(int(f.Fd()))
	}
	return nil
}

// writeSectors writes data at a sector's start, from memory that begins at a
// page, as O_DIRECT wants it; the last sector is filled up with zeros.
func writeSectors(f *os.File, at int64, data []byte) (err error) {
	const most = 64 << 10
	pages := (min(len(data), most) + pageSize - 1) &^ (pageSize - 1)
	if pages == 0 {
		return nil
	}
	room, err := syscall.Mmap(-1, 0, pages, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Munmap(room)) }()
	for len(data) > 0 {
		n := copy(room, data)
		data = data[n:]
		padded := (n + sectorSize - 1) &^ (sectorSize - 1)
		clear(room[n:padded])
		if _, err := f.WriteAt(room[:padded], at); err != nil {
			return err
		}
		at += int64(padded)
	}
	return nil
}

// flush brings everything to the card, surviving a power cut from then on. A
// failure is remembered, and the next flush tries again.
func (s *Store) flush() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.flushLocked()
}

func (s *Store) flushLocked() error {
	if !s.isLoaded() {
		if err := s.load(); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.settle(err)
			return err
		}
	}
	s.mu.Lock()
	j := &s.journal
	jobs := j.jobs(s.cfg.Dir)
	spooled := j.spools[j.spool]
	var err error
	if spooled == nil {
		if err = s.write(jobs, false); err == nil {
			j.wrote(jobs)
		}
	} else if j.spools[1-j.spool].size == 0 {
		j.spool = 1 - j.spool
	}
	dirty := j.undirty()
	s.mu.Unlock()
	if spooled != nil && err == nil {
		err = s.write(jobs, true)
	} else if err == nil {
		err = syncFiles(dirty)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.lost(jobs, err)
		for _, seg := range dirty {
			seg.dirty = true
		}
	case spooled != nil:
		err = s.flushed(jobs)
	}
	s.settle(err)
	return err
}

// flushed notes that the jobs have reached the card. All that the idle spool
// holds was part of them.
func (s *Store) flushed(jobs []job) error {
	j := &s.journal
	j.wrote(jobs)
	for _, b := range jobs {
		b.seg.dirty = false
	}
	if j.spools[0] == nil { // given up meanwhile
		return nil
	}
	return j.spools[1-j.spool].empty()
}

// lost drops segments whose files somebody removed, for they can never be
// finished.
func (s *Store) lost(jobs []job, err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, b := range jobs {
		if _, err := os.Stat(b.path); b.attach || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if b.seg == s.journal.current() {
			s.journal.begin(b.seg.next(), s.cursors)
		}
		s.forget(b.seg)
	}
}

// undirty lists the segments whose files wait for a sync, by path.
func (j *journal) undirty() map[string]*segment {
	dirty := map[string]*segment{}
	for _, seg := range j.segs {
		if seg.dirty {
			dirty[seg.path] = seg
			seg.dirty = false
		}
	}
	return dirty
}

func syncFiles(segs map[string]*segment) error {
	for path := range segs {
		if err := syncFile(path); err != nil {
			return fmt.Errorf("syncing the store: %w", err)
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(syscall.Fdatasync(int(f.Fd())), f.Close())
}
