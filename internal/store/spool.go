package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// spoolMax bounds a spool while the disk cannot be written.
const spoolMax = 4 << 20

// A spool is a file on a RAM disk that holds the frames not yet written to
// the card. It outlives a SIGKILL, costs the card nothing, and is emptied as
// soon as its content is on the card. There are two, so that one is filled
// while the other's content is written.
type spool struct {
	file *os.File
	size int64
}

var errSpool = errors.New("the RAM disk has no room")

// openSpools opens the two spools for dir in the folder ram. They are made by
// us and readable by us only, or not used: everybody may write to /dev/shm.
func openSpools(ram, dir string) ([2]*spool, error) {
	var both [2]*spool
	if ram == "-" {
		return both, nil
	}
	if ram == "" {
		ram = "/dev/shm"
	}
	if !isRAM(ram) {
		return both, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return both, err
	}
	sum := sha256.Sum256([]byte(abs))
	for i := range both {
		name := fmt.Sprintf("envoyd-%d-%s.%d", os.Getuid(), hex.EncodeToString(sum[:8]), i)
		if both[i], err = openSpool(filepath.Join(ram, name)); err != nil {
			return [2]*spool{}, fmt.Errorf("opening a spool: %w", err)
		}
	}
	return both, nil
}

// isRAM reports whether a folder lies on a tmpfs.
func isRAM(folder string) bool {
	const tmpfs = 0x01021994
	var st syscall.Statfs_t
	return syscall.Statfs(folder, &st) == nil && int64(st.Type) == tmpfs //nolint:unconvert // 32 bits wide on a Pi
}

func openSpool(path string) (*spool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok || int(sys.Uid) != os.Getuid() || st.Mode() != 0o600 || sys.Nlink != 1 {
			err = errors.New("the file there is not ours: " + path)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{file: f, size: st.Size()}, nil
}

func (s *spool) append(b []byte) error {
	if s.size+int64(len(b)) > spoolMax {
		return errSpool
	}
	n, err := s.file.WriteAt(b, s.size)
	s.size += int64(n)
	return err
}

func (s *spool) empty() error {
	s.size = 0
	return s.file.Truncate(0)
}

func (s *spool) close() error {
	if s.size > 0 { // not all of it reached the card
		return s.file.Close()
	}
	return errors.Join(os.Remove(s.file.Name()), s.file.Close())
}

// An entry of a spool is its length, the segment's first sequence and salt,
// the place in the segment, then frames, which carry their own checksums.
const entryHead = 4 + 8 + 4 + 4

type entry struct {
	first  uint64
	salt   uint32
	at     int64
	frames []byte
}

func appendEntry(b []byte, seg *segment, at int64, frames []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(frames)))
	b = le.AppendUint64(b, seg.first)
	b = le.AppendUint32(b, seg.salt)
	b = le.AppendUint32(b, uint32(at))
	return append(b, frames...)
}

// entries reads what a spool holds, up to where it was cut short.
func (s *spool) entries() ([]entry, error) {
	b, err := io.ReadAll(io.NewSectionReader(s.file, 0, spoolMax))
	if err != nil {
		return nil, fmt.Errorf("reading a spool: %w", err)
	}
	return parseEntries(b), nil
}

func parseEntries(b []byte) []entry {
	var found []entry
	le := binary.LittleEndian
	for len(b) >= entryHead {
		n := int(le.Uint32(b))
		if n < 0 || n > len(b)-entryHead {
			break
		}
		found = append(found, entry{
			first: le.Uint64(b[4:]), salt: le.Uint32(b[12:]), at: int64(le.Uint32(b[16:])),
			frames: b[entryHead : entryHead+n],
		})
		b = b[entryHead+n:]
	}
	return found
}

// replay adds the entries that the segments do not have yet. Entries are in
// order; those of the two spools are merged by their place.
func (j *journal) replay(entries []entry) {
	for _, e := range entries {
		seg := j.find(e.first)
		if seg == nil && e.at == headerSize && (len(j.segs) == 0 || e.first >= j.current().next()) {
			seg = newSegment(e.first, e.salt)
			j.segs = append(j.segs, seg)
		}
		if seg == nil || seg.sealed || seg.salt != e.salt || seg.end != e.at {
			continue
		}
		for b := e.frames; ; {
			f, ok := readFrame(b, seg.chain)
			if !ok {
				break
			}
			seg.append(b[:f.size], f.sum)
			if f.kind == frameReading {
				seg.count++
			}
			b = b[f.size:]
		}
	}
}
