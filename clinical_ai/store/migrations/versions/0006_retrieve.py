"""retrieve

Revision ID: 0006
Revises: 0005
"""
import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'retrieval',
        sa.Column('id', _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column('study_instance_uid', sa.String(length=64), nullable=False),
        sa.Column('series_instance_uids', sa.Text(), server_default='', nullable=False),
        sa.Column('peer', sa.Text(), nullable=False),
        sa.Column('purpose', sa.String(length=8), nullable=False),
        sa.Column('for_study_uid', sa.String(length=64), nullable=True),
        sa.Column('state', sa.String(length=8), nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('due_at', sa.Double(), nullable=False),
        sa.Column('leased_until', sa.Double(), nullable=True),
        sa.Column('leased_by', sa.String(length=40), nullable=True),
        sa.Column('megabytes_per_second', sa.Double(), nullable=True),
        sa.Column('instances_done', sa.Integer(), server_default='0', nullable=False),
        sa.Column('instances_total', sa.Integer(), nullable=True),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('finished_at', sa.Double(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'fetching', 'done', 'failed')", name=op.f('ck_retrieval_state')),
        sa.CheckConstraint("purpose IN ('prior', 'keep', 'read')", name=op.f('ck_retrieval_purpose')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_retrieval')),
        sa.UniqueConstraint(
            'study_instance_uid', 'series_instance_uids', 'purpose', name=op.f('uq_retrieval_study_instance_uid')
        ),
    )
    with op.batch_alter_table('retrieval', schema=None) as batch_op:
        batch_op.create_index('ix_retrieval_peer_state_due_at', ['peer', 'state', 'due_at'], unique=False)
    op.create_table(
        'retrieval_attempt',
        sa.Column('id', _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column('retrieval_id', _ROW_NUMBER, nullable=False),
        sa.Column('started_at', sa.Double(), nullable=False),
        sa.Column('finished_at', sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ['retrieval_id'], ['retrieval.id'], name=op.f('fk_retrieval_attempt_retrieval_id_retrieval')
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_retrieval_attempt')),
    )
    with op.batch_alter_table('retrieval_attempt', schema=None) as batch_op:
        batch_op.create_index('ix_retrieval_attempt_retrieval_id', ['retrieval_id'], unique=False)


def downgrade() -> None:
    op.drop_table('retrieval_attempt')
    op.drop_table('retrieval')
