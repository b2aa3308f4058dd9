// Package store keeps every reading on the disk of a small computer, most
// often a Raspberry Pi's SD card, which wears with each write and loses power
// without notice.
//
// What it promises: a reading is kept from the moment Append returns; SIGKILL
// costs none, a power cut at most 5 s. Each sink has a cursor of its own,
// which moves only after the sink took a batch. Minutes, quarter hours and
// days are summed up for the curves. All of it is bounded; what has to go goes
// in a stated order and is counted. When the disk cannot be written, readings
// go on from memory, Health says why, and the way back is found without help.
//
// How: readings go to an append journal, files of 1 MiB full of zeros called
// segments. A record is the JSON of a reading written as differences to the
// one before (see dictionary): 1,900 bytes become about 160. The segments are
// also where raw readings stay. It was planned to fold them into compressed
// rows of SQLite; that would have written each reading twice, kept it no
// smaller in any way that matters, needed a vacuum to shrink, and put the
// queue and the history into one file to be damaged together. Now a damaged
// segment costs at most itself, a delivered one is recycled as the next file,
// and a damaged database is filled again from the segments. SQLite holds what
// it is good at: minutes, quarter hours, days, inverter reports, and a copy of
// the cursors, written once an hour in one transaction with the
// sequence it reaches to. A crash neither loses a reading there nor counts it
// twice: everything behind that sequence is summed up anew from the segments.
//
// What the card pays for is less the data than ext4's journal: any write(2)
// to a file changes its time, and a changed inode costs a commit of 12 KiB.
// One write each second and a sync each five came to some 300 MB a day at the
// block device. So a reading is first handed to a file on a RAM disk (see
// spool), which outlives SIGKILL as well as the page cache does, and goes to
// the card each 4.9 s in one direct write of a few sectors: two of those share
// a commit, and the day costs some 150 MB. Without a RAM disk the store works
// the same and writes more. A unit that runs it must not set RemoveIPC, which
// empties /dev/shm between a crash and the restart.
//
// What it does not do: it never syncs in Append, asks no gateway, knows no
// sink, and does not judge readings. One process writes a folder (see Lock).
package store
