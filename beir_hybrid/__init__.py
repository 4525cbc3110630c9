"""Does a retriever serve every language equally? (filled below)"""
