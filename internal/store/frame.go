package store

import (
	"encoding/binary"
	"hash/crc32"
)

// Kinds of frame in a segment.
const (
	frameReading byte = 1 + iota // a record in the form of dictionary
	frameCursor                  // a sink's place: sequence, name
)

// maxText bounds a record's JSON; the largest real one, an inverter record of
// a school's roof, has some 60 KiB. maxFrame bounds what is believed of a
// frame's length; the payload of a record without precedent is at most three
// times its JSON.
const (
	maxText  = 128 << 10
	maxFrame = 512 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is length (varint), checksum, kind, payload. The checksum goes over
// the checksum of the frame before, kind and payload: a frame counts only in
// its own place of its own history, so that neither what a recycled file held
// earlier nor what stands beyond a torn frame can ever be taken for data.
func appendFrame(b []byte, chain uint32, kind byte, payload []byte) ([]byte, uint32) {
	sum := frameSum(chain, kind, payload)
	b = binary.AppendUvarint(b, uint64(len(payload))+1)
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = append(b, kind)
	return append(b, payload...), sum
}

func frameSum(chain uint32, kind byte, payload []byte) uint32 {
	var head [5]byte
	binary.LittleEndian.PutUint32(head[:4], chain)
	head[4] = kind
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, payload)
}

// A frame as it was read; payload is part of the bytes it was read from.
type frame struct {
	kind    byte
	payload []byte
	size    int // in the segment
	sum     uint32
}

// readFrame reads the frame at the start of b; ok is false at the end of what
// was written there, or where it is damaged.
func readFrame(b []byte, chain uint32) (f frame, ok bool) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length == 0 || length > maxFrame || uint64(len(b)-n) < length+4 {
		return frame{}, false
	}
	f.sum = binary.LittleEndian.Uint32(b[n:])
	f.kind = b[n+4]
	f.payload = b[n+5 : n+4+int(length)]
	f.size = n + 4 + int(length)
	return f, f.sum == frameSum(chain, f.kind, f.payload)
}

// cursor frames

func cursorPayload(sink string, seq uint64) []byte {
	return append(binary.AppendUvarint(nil, seq), sink...)
}

func parseCursor(payload []byte) (sink string, seq uint64, ok bool) {
	seq, n := binary.Uvarint(payload)
	if n <= 0 {
		return "", 0, false
	}
	return string(payload[n:]), seq, true
}
