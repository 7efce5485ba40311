// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A sum tree that remembers yesterday
/// @notice Leaves have weights; an inner node is the sum of its two children. A change counts from the next day on, and the
/// weights of a day can be read on that day and on the next one. So nobody who knows the random number of a draw can still change
/// what it is drawn from.
/// @dev The tree grows by a level when it is full: the new root begins as a copy of the old one, days included. Every read and
/// write is O(log leaves). A node is one word: day of its last change (32 bits) | weight after that day | on it | the day before.
library DatedSums {
    struct Tree {
        uint32 count;
        uint8 height;
        mapping(uint256 place => uint256 node) nodes;
    }

    /// @notice Adds a leaf of weight 0; returns its index.
    function append(Tree storage tree) internal returns (uint32 leaf) {
        leaf = tree.count;
        ++tree.count;
        uint8 height = tree.height;
        if (leaf != 0 && uint256(leaf) == uint256(1) << height) {
            tree.nodes[_place(height + 1, 0)] = tree.nodes[_place(height, 0)];
            tree.height = height + 1;
        }
    }

    /// @notice Gives a leaf a weight, from the day after `day` on; `day` is today.
    /// @return changed Whether it is another one than before.
    function set(Tree storage tree, uint32 leaf, uint32 day, uint64 weight) internal returns (bool changed) {
        uint64 old = _next(tree.nodes[_place(0, leaf)]);
        if (old == weight) return false;
        uint256 height = tree.height;
        for (uint256 level = 0; level <= height; ++level) {
            uint256 place = _place(level, leaf >> level);
            uint256 node = tree.nodes[place];
            tree.nodes[place] = _moved(node, day, _next(node) - old + weight);
        }
        return true;
    }

    /// @notice The sum of all weights of a day: today or yesterday.
    function total(Tree storage tree, uint32 day) internal view returns (uint64) {
        return _at(tree.nodes[_place(tree.height, 0)], day);
    }

    /// @notice A leaf's weight on a day: today or yesterday.
    function weightOf(Tree storage tree, uint32 leaf, uint32 day) internal view returns (uint64) {
        return _at(tree.nodes[_place(0, leaf)], day);
    }

    /// @notice The leaf that holds `position`, which is below the day's total: leaves stand in a row, each as long as its weight.
    /// @return leaf Its index. @return start Where it begins. @return weight How long it is.
    function find(Tree storage tree, uint32 day, uint64 position)
        internal
        view
        returns (uint32 leaf, uint64 start, uint64 weight)
    {
        for (uint256 level = tree.height; level != 0; --level) {
            leaf <<= 1;
            uint64 left = _at(tree.nodes[_place(level - 1, leaf)], day);
            if (position - start >= left) {
                start += left;
                leaf |= 1;
            }
        }
        weight = _at(tree.nodes[_place(0, leaf)], day);
    }

    function _place(uint256 level, uint256 index) private pure returns (uint256) {
        return level << 32 | index;
    }

    function _next(uint256 node) private pure returns (uint64) {
        return uint64(node >> 128);
    }

    /// @dev The weight on `day`, which is not before the day before the node's last change: every caller asks for today or
    /// yesterday, and no change lies ahead of today.
    function _at(uint256 node, uint32 day) private pure returns (uint64) {
        uint256 changed = node >> 192;
        if (day > changed) return uint64(node >> 128);
        if (day == changed) return uint64(node >> 64);
        assert(uint256(day) + 1 == changed);
        return uint64(node);
    }

    /// @dev The node with another weight from the day after `day` on.
    function _moved(uint256 node, uint32 day, uint64 next) private pure returns (uint256) {
        uint64 today = _at(node, day);
        uint64 before = uint64(node);
        uint256 changed = node >> 192;
        if (changed != day) before = changed + 1 == day ? uint64(node >> 64) : uint64(node >> 128);
        return uint256(day) << 192 | uint256(next) << 128 | uint256(today) << 64 | before;
    }
}
