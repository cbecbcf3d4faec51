// Judges a log on files by golang.org/x/mod/sumdb: tlog-judge VERIFIER-KEY ORIGIN FOLDER. It checks the signature of the checkpoint, every
// tile and every entry against the root, and the proof of inclusion of entries all over the log. Nothing of it is ours but the paths.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type folder string

func (f folder) Height() int { return tileHeight }

// ReadTiles reads tiles where C2SP tlog-tiles has them, which leaves the height out of the path.
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
	path = strings.Replace(path, "tile/data/", "tile/entries/", 1)
	return os.ReadFile(filepath.Join(string(f), path))
}

// entries reads all entries of the log from its bundles.
func (f folder) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); int64(len(all)) < size; n++ {
		width := int(min(1<<tileHeight, size-n<<tileHeight))
		bundle, err := f.read(tlog.Tile{H: tileHeight, L: -1, N: n, W: width})
		if err != nil {
			return nil, err
		}
		for range width {
			length := int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
		if len(bundle) != 0 {
			return nil, fmt.Errorf("bundle %d holds more than %d entries", n, width)
		}
	}
	return all, nil
}

func judge(key, origin string, f folder) (int64, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return 0, err
	}
	message, err := os.ReadFile(filepath.Join(string(f), "checkpoint"))
	if err != nil {
		return 0, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return 0, fmt.Errorf("the checkpoint is not of the log %q", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return 0, fmt.Errorf("the checkpoint has no root")
	}
	tree := tlog.Tree{N: size, Hash: tlog.Hash(root)}
	entries, err := f.entries(size)
	if err != nil {
		return 0, err
	}
	hashes := tlog.TileHashReader(tree, f)
	indexes := make([]int64, size)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	leaves, err := hashes.ReadHashes(indexes)
	if err != nil {
		return 0, err
	}
	for i, entry := range entries {
		if tlog.RecordHash(entry) != leaves[i] {
			return 0, fmt.Errorf("entry %d has other bytes than its leaf", i+1)
		}
	}
	for n := int64(0); n < size; n += 1 + size/50 {
		proof, err := tlog.ProveRecord(size, n, hashes)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(proof, size, tree.Hash, n, leaves[n]); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: tlog-judge VERIFIER-KEY ORIGIN FOLDER")
		os.Exit(2)
	}
	size, err := judge(os.Args[1], os.Args[2], folder(os.Args[3]))
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	fmt.Printf("accepted %d entries\n", size)
}
